/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads whose rounds start together. Where each can have a CPU of its own, all
 * of them spin until the last has shown that it is on one; it then names a moment
 * just ahead, by the TSC, for which all wait. A thread that waits for the others
 * to arrive spins for a while, then yields, then sleeps.
 */
#ifndef GPCVM_STORM_BARRIER_H
#define GPCVM_STORM_BARRIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"

#define BARRIER_MAX 64

struct storm_barrier {
	unsigned int nr;	  /* threads */
	bool crowded;		  /* there are more threads than CPUs */
	_Atomic uint32_t arrived; /* in this round */
	_Atomic uint32_t round;	  /* futex */
	_Atomic uint32_t asleep;
	_Atomic uint32_t on_cpu; /* members that spin for the round's start */
	_Atomic uint64_t start;	 /* of the round, TSC; 0: not named yet */
	_Atomic bool late;	 /* some did not wait until all were on one */
	uint64_t
		patience; /* for how long they do, ticks; written before round */
	/* When each thread began its last round; written by it, and read by
	 * the last one that arrives at the next. 0: not yet. */
	uint64_t begun[BARRIER_MAX];
	/* From when to when it was at work in that round, TSC; the same. */
	uint64_t from[BARRIER_MAX], to[BARRIER_MAX];
	uint64_t rounds;
	uint64_t
		overlapped; /* rounds with a moment at which all were at work */
	struct hist skew; /* first to last, ticks; of all rounds but the last */
};

/* Thread @member waits for the others. False once *@stop is set. */
bool storm_barrier_wait(struct storm_barrier *b, unsigned int member,
			const _Atomic bool *stop);
/* *@stop has been set: wake who sleeps. */
void storm_barrier_wake(struct storm_barrier *b);
/* All threads have ended: count the last round as well. */
void storm_barrier_finish(struct storm_barrier *b);

#endif
