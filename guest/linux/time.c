// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches the time that Linux derives from its clocks, as a program sees it: it
 * must advance, and on no CPU lag behind what any CPU has seen.
 * CLOCK_MONOTONIC_RAW is the clocksource's time, without slewing.
 */
#include <stdatomic.h>
#include <time.h>

#include "linux.h"

/* TSC ticks without an advance of the time: at least a second up to 4 GHz. */
#define FROZEN_TSC (1ULL << 32)

static _Atomic uint64_t newest; /* ns; of all CPUs */

static uint64_t now_raw(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

uint64_t op_time(struct percpu *pc UNUSED, uint64_t *w)
{
	w[1] = now_raw();
	return ST_OK;
}

static void watch_frozen(struct time_watch *t, uint64_t now)
{
	uint64_t tsc = rdtsc();

	if (now != t->last) {
		if (t->frozen)
			clockwatch_report(REPORT_TIME_BACK, now, 0);
		t->frozen = false;
		t->last = now;
		t->tsc = tsc;
	} else if (!t->frozen && tsc - t->tsc > FROZEN_TSC) {
		t->frozen = true;
		clockwatch_report(REPORT_TIME_FROZEN, now, 0);
	}
}

void time_round(struct time_watch *t)
{
	uint64_t seen = newest;
	uint64_t now = now_raw();

	if (now < seen && !t->went_back)
		clockwatch_report(REPORT_TIME_BACKWARDS, seen, now);
	t->went_back = now < seen;
	while (seen < now &&
	       !atomic_compare_exchange_strong(&newest, &seen, now))
		;
	watch_frozen(t, now);
}
