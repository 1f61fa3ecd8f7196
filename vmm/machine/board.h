/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a device sees of the machine, and what the machine sees of a device.
 * A new device is one file in devices/ with a struct device, and one row in
 * devices/tables.c.
 */
#ifndef GPCVM_BOARD_H
#define GPCVM_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/event.h"
#include "base/loop.h"
#include "machine/bus.h"

/* The machine of the built-in guests; that of a --kernel, which is a PC. */
enum board_kind { BOARD_TINY = 1, BOARD_PC = 2 };

struct board {
	struct bus bus;
	struct events *events;
	struct loop *loop;
	unsigned int vcpus;
	uint64_t ram;  /* bytes from gpa 0 on, without a hole */
	void *machine; /* for the callbacks below */

	/* Line @line of the interrupt controllers; NULL where there are none.
	 * Any thread. */
	void (*irq)(void *machine, unsigned int line, bool level);

	/* The machine ends with exit status @status; the first call counts.
	 * Any thread. */
	void (*end)(void *machine, int status, const char *fmt, ...)
		__attribute__((format(printf, 3, 4)));
	/* A vCPU wants the others to start at physical @entry. */
	void (*start_aps)(void *machine, uint32_t entry);
	/* One more vCPU serves operations, or one says so @again. */
	void (*ready)(void *machine, struct vcpu *v, bool again);
	/* KVM_GET_CLOCK's time, ns; 0: it cannot be had. Any thread. */
	uint64_t (*clock)(void *machine);
	/* "vCPU 1: rip=..." for a vCPU that cannot go on. */
	void (*show_regs)(void *machine, struct vcpu *v);
};

/* Ports that a device claims. They are the node NODE@PORT in /ports of the device
 * tree; without a name they belong to the node of the row before, if any. */
struct device_ports {
	uint16_t port, count;
	bus_fn access;
	const char *node, *compatible;
};

#define DEVICE_PORTS 3

struct device {
	const char *name;
	unsigned int boards; /* enum board_kind: those that have it */
	size_t size; /* of its state: the @arg of an access; 0: that is the board */
	struct device_ports ports[DEVICE_PORTS]; /* count 0 ends */
	/* Set up the zeroed state; and what is to be undone before it is freed,
	 * even if @init failed. NULL: nothing. */
	int (*init)(struct board *b, void *state, struct err *e);
	void (*free)(void *state);
};

#endif
