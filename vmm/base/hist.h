/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A log-linear histogram: 32 steps to each power of two, so that a percentile
 * is at most 1/32 above the value it stands for, in a fixed 9 KiB however many
 * values there are. The greatest value is exact.
 */
#ifndef GPCVM_HIST_H
#define GPCVM_HIST_H

#include <stdint.h>

#define HIST_STEP_BITS 5
#define HIST_BITS      40 /* greater values count as this many ones */
#define HIST_STEPS     ((HIST_BITS - HIST_STEP_BITS + 1) << HIST_STEP_BITS)

struct hist {
	uint64_t nr, max;
	uint64_t steps[HIST_STEPS];
};

/* The step that @value belongs to. */
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

/* The greatest value that belongs to @step. */
uint64_t hist_top(unsigned int step);
/* Add what is in @from. */
void hist_merge(struct hist *h, const struct hist *from);
/* What @percent (1..100) of the values are not above; 0 where there are none. */
uint64_t hist_percentile(const struct hist *h, unsigned int percent);

#endif
