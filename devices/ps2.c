// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a PC has its keyboard controller (0x60, 0x64) there is none: all ones,
 * which drivers take for absent (drivers/input/serio/i8042.c,
 * i8042_controller_check). Only the pulse on its reset line is heard, since it is
 * how kernels reset a PC.
 */
#include <libfdt.h>
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
		       "the guest asks for a reset (0xfe to port 0x64)");
}

static int ps2_init(struct board *b, void **state, struct err *e)
{
	struct bus_range r[] = {
		{ DATA, 1, "ps2 data", b, ps2_access },
		{ COMMAND, 1, "ps2 command", b, ps2_access },
	};

	*state = NULL;
	if (bus_claim(&b->bus, &r[0]) || bus_claim(&b->bus, &r[1]))
		return err_state(e, "port 0x%x or 0x%x is taken", DATA,
				 COMMAND);
	return 0;
}

/* It is absent. */
static int ps2_fdt(void *fdt)
{
	(void)fdt;
	return 0;
}

const struct device ps2_device = {
	.name = "ps2",
	.boards = BOARD_PC,
	.init = ps2_init,
	.fdt = ps2_fdt,
};
