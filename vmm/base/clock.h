/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_CLOCK_H
#define GPCVM_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SEC UINT64_C(1000000000)
#define NS_PER_MS  UINT64_C(1000000)

/* CLOCK_MONOTONIC in ns: the clock behind every "ns" of the protocol. */
static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

/* @ns of that clock, e.g. for pthread_cond_clockwait(). */
static inline struct timespec clock_at(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_SEC),
				  .tv_nsec = (long)(ns % NS_PER_SEC) };
}

#endif
