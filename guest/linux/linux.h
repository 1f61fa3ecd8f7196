/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent under Linux: a program that runs as root in the guest, a thread on
 * each CPU, and serves the operations of guest/doorbell.h at DB_PORT_PC with
 * the tiny guest's own code. Guest memory appears at its own address (memory.c),
 * so that code which the tiny guest runs on bare memory runs here as it is.
 */
#ifndef GPCVM_GUEST_LINUX_H
#define GPCVM_GUEST_LINUX_H

#include "clockwatch.h"

/* What a thread's operations need of its CPU. */
struct cpu {
	struct percpu pc; /* what the tiny guest keeps for a vCPU */
	int number;	  /* Linux's, which may differ from the vCPU's index */
	int msr;	  /* /dev/cpu/N/msr; -1: not there */
	struct clockwatch clocks;
};

/* The time that all CPUs have seen, and one CPU's watch over it. */
struct time_watch {
	uint64_t last, tsc; /* when it last moved, here */
	bool frozen, went_back;
};

/* The CPU of this thread; set before anything else. */
extern _Thread_local struct cpu *this_cpu;

/* fault.c: faults of this process's threads go on where guarded() says, or end
 * the machine with their registers. */
int fault_init(void);

/* memory.c */
int memory_init(void);

/* msr.c: 0, or -1 where there is no such file or MSR. */
void msr_open(struct cpu *c);
int msr_read(uint32_t index, uint64_t *value);

/* time.c */
void time_round(struct time_watch *t);

#endif
