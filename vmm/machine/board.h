/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between the machine and its devices. A new device is one file in
 * devices/ with a struct device, and one row in devices/tables.c.
 */
#ifndef GPCVM_BOARD_H
#define GPCVM_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/event.h"
#include "base/loop.h"
#include "machine/bus.h"

struct machine;

/* The machine of the built-in guests; the PC of a --kernel. */
enum board_kind { BOARD_TINY = 1, BOARD_PC = 2 };

struct board {
	struct bus bus;
	struct events *events;
	struct loop *loop;
	unsigned int vcpus;
	uint64_t ram;		 /* bytes from gpa 0 on, without a hole */
	struct machine *machine; /* for the callbacks below */

	/* Set line @line of the interrupt controllers; NULL if there are none.
	 * Any thread. */
	void (*irq)(struct machine *machine, unsigned int line, bool level);

	/* End the machine with exit status @status; the first call counts. Any
	 * thread. */
	void (*end)(struct machine *machine, int status, const char *fmt, ...)
		__attribute__((format(printf, 3, 4)));
	/* Start the other vCPUs at physical @entry. */
	void (*start_aps)(struct machine *machine, uint32_t entry);
	/* One more vCPU serves operations; @again: it had said so before. */
	void (*ready)(struct machine *machine, struct vcpu *v, bool again);
	/* KVM_GET_CLOCK's time, ns; 0 if it fails. Any thread. */
	uint64_t (*clock)(struct machine *machine);
	/* Print the registers of a vCPU that cannot go on. */
	void (*show_regs)(struct machine *machine, struct vcpu *v);
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
