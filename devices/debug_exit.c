// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's isa-debug-exit (hw/misc/debugexit.c): a write of V to port 0xf4 ends
 * the machine with status (V << 1) | 1. */
#include <string.h>

#include "devices/devices.h"

#define PORT 0xf4

static void debug_exit_access(void *arg, struct vcpu *v, uint16_t port,
			      unsigned int size, bool write, uint8_t *data)
{
	struct board *b = arg;
	uint32_t value = 0;

	(void)v;
	(void)port;
	if (!write) {
		memset(data, 0, size);
		return;
	}
	memcpy(&value, data, size);
	b->end(b->machine, (int)(((value << 1) | 1) & 0xff),
	       "the guest wrote 0x%x to debug-exit", value);
}

const struct device debug_exit_device = {
	.name = "debug-exit",
	.boards = BOARD_TINY | BOARD_PC,
	.ports = { { PORT, 4, debug_exit_access, "debug-exit",
		     "gpcvm,debug-exit" } },
};
