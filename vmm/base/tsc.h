/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU's time stamp counter, for intervals too short for clock_gettime(). */
#ifndef GPCVM_TSC_H
#define GPCVM_TSC_H

#include <stdint.h>

#include "base/clock.h"

static inline uint64_t tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* A reading beside CLOCK_MONOTONIC. Two of them give the frequency. */
struct tsc_mark {
	uint64_t tsc, ns;
};

static inline struct tsc_mark tsc_mark(void)
{
	return (struct tsc_mark){ tsc(), now_ns() };
}

/* Return nanoseconds per tick; @to was taken after @from. */
static inline double tsc_ns(const struct tsc_mark *from,
			    const struct tsc_mark *to)
{
	if (to->tsc <= from->tsc)
		return 1; /* it stands still, or goes back */
	return (double)(to->ns - from->ns) / (double)(to->tsc - from->tsc);
}

/* Return the ticks from @from to @to, or 0 if the counters of two CPUs
 * disagree. */
static inline uint64_t tsc_between(uint64_t from, uint64_t to)
{
	return (int64_t)(to - from) > 0 ? to - from : 0;
}

#endif
