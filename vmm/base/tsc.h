/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU's time stamp counter, for what is too short for clock_gettime(). */
#ifndef GPCVM_TSC_H
#define GPCVM_TSC_H

#include <stdint.h>

#include "base/clock.h"

static inline uint64_t tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* Two readings of it beside CLOCK_MONOTONIC tell how fast it goes. */
struct tsc_mark {
	uint64_t tsc, ns;
};

static inline struct tsc_mark tsc_mark(void)
{
	return (struct tsc_mark){ tsc(), now_ns() };
}

/* Nanoseconds a tick; @to was taken after @from. */
static inline double tsc_ns(const struct tsc_mark *from,
			    const struct tsc_mark *to)
{
	if (to->tsc <= from->tsc)
		return 1; /* it stands still, or goes back: told as it is */
	return (double)(to->ns - from->ns) / (double)(to->tsc - from->tsc);
}

/* From @from to @to, or 0 where the CPUs' counters are not of one mind. */
static inline uint64_t tsc_between(uint64_t from, uint64_t to)
{
	return (int64_t)(to - from) > 0 ? to - from : 0;
}

#endif
