/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A log-linear histogram with 32 steps to each power of two: a percentile is at
 * most 1/32 too high. It takes 9 KiB however many values it counts. The maximum
 * is exact.
 */
#ifndef GPCVM_HIST_H
#define GPCVM_HIST_H

#include <stdint.h>

#define HIST_STEP_BITS 5
#define HIST_BITS      40 /* greater values count as 2^40 - 1 */
#define HIST_STEPS     ((HIST_BITS - HIST_STEP_BITS + 1) << HIST_STEP_BITS)

struct hist {
	uint64_t nr, max;
	uint64_t steps[HIST_STEPS];
};

/* Return the step that @value belongs to. */
static inline unsigned int hist_step(uint64_t value)
{
	unsigned int shift;

	if (value >> HIST_STEP_BITS == 0)
		return (unsigned int)value;
	if (value >> HIST_BITS)
		return HIST_STEPS - 1;
	shift = 63 - (unsigned int)__builtin_clzll(value) - HIST_STEP_BITS;
	return ((shift + 1) << HIST_STEP_BITS) +
	       ((value >> shift) & ((1 << HIST_STEP_BITS) - 1));
}

static inline void hist_add(struct hist *h, uint64_t value)
{
	h->steps[hist_step(value)]++;
	h->nr++;
	if (value > h->max)
		h->max = value;
}

/* Return the greatest value that belongs to @step. */
uint64_t hist_top(unsigned int step);
/* Add the values of @from. */
void hist_merge(struct hist *h, const struct hist *from);
/* Return the value that @percent (1..100) of the values do not exceed; 0 if
 * there are none. */
uint64_t hist_percentile(const struct hist *h, unsigned int percent);

#endif
