// SPDX-License-Identifier: GPL-2.0-only
#include "base/hist.h"

uint64_t hist_top(unsigned int step)
{
	const unsigned int steps = 1 << HIST_STEP_BITS;
	unsigned int shift;

	if (step < steps)
		return step;
	shift = step / steps - 1;
	return ((uint64_t)(steps + step % steps + 1) << shift) - 1;
}

void hist_merge(struct hist *h, const struct hist *from)
{
	for (unsigned int i = 0; i < HIST_STEPS; i++)
		h->steps[i] += from->steps[i];
	h->nr += from->nr;
	if (from->max > h->max)
		h->max = from->max;
}

uint64_t hist_percentile(const struct hist *h, unsigned int percent)
{
	uint64_t rank, sum = 0;

	if (!h->nr)
		return 0;
	/* Split nr: nr * percent might overflow. */
	rank = h->nr / 100 * percent + (h->nr % 100 * percent + 99) / 100;
	for (unsigned int i = 0; i < HIST_STEPS - 1; i++) {
		sum += h->steps[i];
		if (sum >= rank)
			return hist_top(i) < h->max ? hist_top(i) : h->max;
	}
	return h->max;
}
