// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's device for kvm-unit-tests (hw/misc/pc-testdev.c), limited to ports: a
 * write to 0x2000 + N raises interrupt line N, or lowers it with zeros; 0xe0-3
 * read back the last write. QEMU splits an access to 0xe8-b into bytes, which
 * gives the same result. Not here: the page flush at 0xe4, and the memory at
 * 0xff000000.
 */
#include <string.h>

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

static int testdev_init(struct board *b, void *state, struct err *e)
{
	struct testdev *t = state;

	(void)e;
	t->board = b;
	return 0;
}

const struct device testdev_device = {
	.name = "testdev",
	.boards = BOARD_PC,
	.size = sizeof(struct testdev),
	.ports = { { ECHO, ECHO_LEN, echo_access, "testdev", "gpcvm,testdev" },
		   { .port = ECHO_BYTES,
		     .count = ECHO_LEN,
		     .access = echo_access },
		   { .port = LINES,
		     .count = LINES_NR,
		     .access = lines_access } },
	.init = testdev_init,
};
