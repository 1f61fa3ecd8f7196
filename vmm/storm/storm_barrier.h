/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A barrier for threads whose rounds start together. If there is a CPU for
 * each, all of them spin until the last one is on its CPU. It then sets a start
 * time shortly ahead, by the TSC, for which all wait. A thread that waits for
 * others to arrive spins for a while, then yields, then sleeps.
 */
#ifndef GPCVM_STORM_BARRIER_H
#define GPCVM_STORM_BARRIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"

#define BARRIER_MAX 64

struct storm_barrier {
	unsigned int nr;	  /* threads */
	bool crowded;		  /* more threads than CPUs */
	_Atomic uint32_t arrived; /* in this round */
	_Atomic uint32_t round;	  /* futex */
	_Atomic uint32_t asleep;
	_Atomic uint32_t on_cpu; /* members spinning for the round's start */
	_Atomic uint64_t start;	 /* of the round, TSC; 0: not set yet */
	_Atomic bool late;	 /* some did not wait for all to be on a CPU */
	/* Ticks to wait for all to be on a CPU; written before @round. */
	uint64_t patience;
	/* Start of each thread's last round, 0 if none. Written by the thread,
	 * read by the last to arrive at the next round. */
	uint64_t begun[BARRIER_MAX];
	/* Working time in that round, TSC. Accessed in the same way. */
	uint64_t from[BARRIER_MAX], to[BARRIER_MAX];
	uint64_t rounds;
	uint64_t overlapped; /* rounds in which all worked at the same time */
	/* Last start minus first, ticks; all rounds but the last. */
	struct hist skew;
};

/* Wait as thread @member for the others. Returns false once *@stop is set. */
bool storm_barrier_wait(struct storm_barrier *b, unsigned int member,
			const _Atomic bool *stop);
/* Wake the sleeping threads after *@stop was set. */
void storm_barrier_wake(struct storm_barrier *b);
/* Count the last round after all threads have ended. */
void storm_barrier_finish(struct storm_barrier *b);

#endif
