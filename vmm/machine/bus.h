/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Port dispatch. Filled before the guest runs, then read-only. An unclaimed port
 * reads as all ones, ignores writes, and is logged once.
 */
#ifndef GPCVM_BUS_H
#define GPCVM_BUS_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

#define BUS_MAX 32

/* @data: @size bytes (1, 2, 4), to be filled when !@write. vCPU thread. */
typedef void (*bus_fn)(void *arg, struct vcpu *v, uint16_t port,
		       unsigned int size, bool write, uint8_t *data);

struct bus_range {
	uint16_t port, count;
	bus_fn access;
	void *arg;
};

struct bus {
	struct bus_range ranges[BUS_MAX];
	unsigned int nr;
	/* A bit for each unclaimed port that was logged. */
	_Atomic uint64_t seen[65536 / 64];
};

/* -1: the table is full, or a port is taken. */
int bus_claim(struct bus *b, const struct bus_range *r);
/* Do @count accesses; @data holds @count * @size bytes. Returns false on the first
 * access to an unclaimed port. */
bool bus_access(struct bus *b, struct vcpu *v, uint16_t port, unsigned int size,
		unsigned int count, bool write, uint8_t *data);

#endif
