// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ports of a PC's keyboard controller (0x60, 0x64), without a controller:
 * they read as all ones, which makes drivers assume that it is absent
 * (drivers/input/serio/i8042.c, i8042_controller_check). Only the pulse on the
 * reset line works, because kernels reset a PC with it.
 */
#include <string.h>

#include "base/status.h"
#include "devices/devices.h"

#define DATA	    0x60
#define COMMAND	    0x64
#define PULSE_RESET 0xfe

static void ps2_access(void *arg, struct vcpu *v, uint16_t port,
		       unsigned int size, bool write, uint8_t *data)
{
	struct board *b = arg;

	(void)v;
	if (!write)
		memset(data, 0xff, size);
	else if (port == COMMAND && data[0] == PULSE_RESET)
		b->end(b->machine, STATUS_RESET,
		       "the guest requested a reset (0xfe to port 0x64)");
}

/* Absent from the device tree: drivers must not find it. */
const struct device ps2_device = {
	.name = "ps2",
	.boards = BOARD_PC,
	.ports = { { .port = DATA, .count = 1, .access = ps2_access },
		   { .port = COMMAND, .count = 1, .access = ps2_access } },
};
