// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's isa-debug-exit: a write of V to port 0xf4 ends the machine with
 * status (V << 1) | 1. (hw/misc/debugexit.c) */
#include <libfdt.h>
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

static int debug_exit_init(struct board *b, void **state, struct err *e)
{
	struct bus_range r = { PORT, 4, "debug-exit", b, debug_exit_access };

	*state = NULL;
	if (bus_claim(&b->bus, &r))
		return err_state(e, "port 0x%x is taken", PORT);
	return 0;
}

static int debug_exit_fdt(void *fdt)
{
	fdt32_t reg[] = { cpu_to_fdt32(PORT), cpu_to_fdt32(4) };
	int r = fdt_begin_node(fdt, "debug-exit@f4");

	if (!r)
		r = fdt_property_string(fdt, "compatible", "gpcvm,debug-exit");
	if (!r)
		r = fdt_property(fdt, "reg", reg, sizeof(reg));
	return r ? r : fdt_end_node(fdt);
}

const struct device debug_exit_device = {
	.name = "debug-exit",
	.boards = BOARD_TINY | BOARD_PC,
	.init = debug_exit_init,
	.fdt = debug_exit_fdt,
};
