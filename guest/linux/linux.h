/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent under Linux: a program that runs as root in the guest with a thread
 * on each CPU. It serves the operations of guest/doorbell.h at DB_PORT_PC with
 * the tiny guest's own code. Guest memory is mapped at its own address
 * (memory.c), so that this code runs unchanged.
 */
#ifndef GPCVM_GUEST_LINUX_H
#define GPCVM_GUEST_LINUX_H

#include "clockwatch.h"

/* State of a thread for its CPU. */
struct cpu {
	struct percpu pc; /* the tiny guest's state of a vCPU */
	int number; /* Linux's number, which may differ from the vCPU's index */
	int msr;    /* /dev/cpu/N/msr; -1: not available */
	struct clockwatch clocks;
};

/* Watches that time advances on one CPU, and against all CPUs. */
struct time_watch {
	uint64_t last, tsc; /* when it last advanced on this CPU */
	bool frozen, went_back;
};

/* The CPU of this thread; set first of all. */
extern _Thread_local struct cpu *this_cpu;

/* fault.c: an exception of this process's threads resumes where guarded() says,
 * or ends the machine with their registers. */
int fault_init(void);

/* memory.c */
int memory_init(void);

/* msr.c: returns 0, or -1 if the file or the MSR does not exist. */
void msr_open(struct cpu *c);
int msr_read(uint32_t index, uint64_t *value);

/* time.c */
void time_round(struct time_watch *t);

#endif
