/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a device sees of the machine, and what the machine sees of a device.
 * A new device is one file in devices/ with a struct device, and one row in
 * vmm/devices.c.
 */
#ifndef GPCVM_BOARD_H
#define GPCVM_BOARD_H

#include <stdbool.h>

#include "bus.h"
#include "err.h"
#include "event.h"
#include "loop.h"

struct board {
	struct bus bus;
	struct events *events;
	struct loop *loop;
	void *machine; /* for the callbacks below */

	/* The machine ends with exit status @status; the first call counts.
	 * Any thread. */
	void (*end)(void *machine, int status, const char *fmt, ...)
		__attribute__((format(printf, 3, 4)));
	/* vCPU 0 wants the others to start at physical @entry. */
	void (*start_aps)(void *machine, uint32_t entry);
	/* One more vCPU serves operations. */
	void (*ready)(void *machine, struct vcpu *v);
	/* "vCPU 1: rip=..." for a vCPU that cannot go on. */
	void (*show_regs)(void *machine, struct vcpu *v);
};

struct device {
	const char *name;
	/* Claim ports and whatever else it needs. The state that it allocates
	 * goes to *state. */
	int (*init)(struct board *b, void **state, struct err *e);
	void (*free)(struct board *b, void *state);
	/* Its node, inside /ports of the device tree; 0 or -FDT_ERR_*. */
	int (*fdt)(void *fdt);
};

extern const struct device *const devices[];
extern const unsigned int devices_nr;

extern const struct device serial_device;
extern const struct device doorbell_device;
extern const struct device debug_exit_device;

#endif
