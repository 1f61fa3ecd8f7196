// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's device for KVM's unit tests (hw/misc/pc-testdev.c), as far as it is
 * ports that concern nothing else: a write to 0x2000 + N raises interrupt line N,
 * or lowers it with zeros; what is written to 0xe0-3 is read there. QEMU takes an
 * access to 0xe8-b for one of single bytes; the bytes are the same. Not here: the
 * page flush at 0xe4, and the memory at 0xff000000.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "devices/devices.h"

#define ECHO	   0xe0
#define ECHO_BYTES 0xe8
#define ECHO_LEN   4
#define LINES	   0x2000
#define LINES_NR   24

struct testdev {
	struct board *board;
	_Atomic uint8_t echo[ECHO_LEN];
};

static void lines_access(void *arg, struct vcpu *v, uint16_t port,
			 unsigned int size, bool write, uint8_t *data)
{
	struct testdev *t = arg;
	uint32_t value = 0;

	(void)v;
	if (!write) {
		memset(data, 0xff, size);
		return;
	}
	memcpy(&value, data, size);
	t->board->irq(t->board->machine, port - LINES, value != 0);
}

static void echo_access(void *arg, struct vcpu *v, uint16_t port,
			unsigned int size, bool write, uint8_t *data)
{
	struct testdev *t = arg;
	unsigned int at = port % ECHO_LEN;

	(void)v;
	if (!write)
		memset(data, 0xff, size);
	for (unsigned int i = 0; i < size && at + i < ECHO_LEN; i++)
		if (write)
			t->echo[at + i] = data[i];
		else
			data[i] = t->echo[at + i];
}

static int testdev_init(struct board *b, void **state, struct err *e)
{
	struct testdev *t = calloc(1, sizeof(*t));
	const struct bus_range r[] = {
		{ ECHO, ECHO_LEN, "testdev echo", t, echo_access },
		{ ECHO_BYTES, ECHO_LEN, "testdev echo", t, echo_access },
		{ LINES, LINES_NR, "testdev lines", t, lines_access },
	};

	*state = t;
	if (!t)
		return err_os(e, ENOMEM, "memory for the test device");
	t->board = b;
	for (unsigned int i = 0; i < ARRAY_SIZE(r); i++)
		if (bus_claim(&b->bus, &r[i]))
			return err_state(e, "port 0x%x is taken", r[i].port);
	return 0;
}

static void testdev_free(struct board *b, void *state)
{
	(void)b;
	free(state);
}

static int testdev_fdt(void *fdt)
{
	fdt32_t reg[] = {
		cpu_to_fdt32(ECHO),	  cpu_to_fdt32(ECHO_LEN),
		cpu_to_fdt32(ECHO_BYTES), cpu_to_fdt32(ECHO_LEN),
		cpu_to_fdt32(LINES),	  cpu_to_fdt32(LINES_NR),
	};
	int r = fdt_begin_node(fdt, "testdev@e0");

	if (!r)
		r = fdt_property_string(fdt, "compatible", "gpcvm,testdev");
	if (!r)
		r = fdt_property(fdt, "reg", reg, sizeof(reg));
	return r ? r : fdt_end_node(fdt);
}

const struct device testdev_device = {
	.name = "testdev",
	.boards = BOARD_PC,
	.init = testdev_init,
	.free = testdev_free,
	.fdt = testdev_fdt,
};
