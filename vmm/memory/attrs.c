// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "memory/attrs.h"

void attrs_init(struct attrs *a)
{
	memset(a, 0, sizeof(*a));
}

void attrs_free(struct attrs *a)
{
	free(a->runs);
	attrs_init(a);
}

/* Return the first run that ends at or after @gpa, or nr. */
static size_t first_touching(const struct attrs *a, uint64_t gpa)
{
	size_t lo = 0, hi = a->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (a->runs[mid].end < gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int attrs_reserve(struct attrs *a, size_t want)
{
	struct attr_run *runs;
	size_t cap = a->cap ? a->cap : 8;

	if (want <= a->cap)
		return 0;
	while (cap < want)
		cap *= 2;
	runs = reallocarray(a->runs, cap, sizeof(*runs));
	if (!runs)
		return -1;
	a->runs = runs;
	a->cap = cap;
	return 0;
}

int attrs_set(struct attrs *a, uint64_t start, uint64_t end, bool private)
{
	struct attr_run put[2];
	size_t nput = 0, first, last;

	if (start >= end)
		return 0;
	if (attrs_reserve(a, a->nr + 2))
		return -1;
	first = first_touching(a, start);
	for (last = first; last < a->nr && a->runs[last].start <= end; last++)
		;
	/* Replace runs[first..last), which touch start..end, with their
	 * remainders. */
	if (private) {
		put[0] = (struct attr_run){ start, end };
		nput = 1;
		if (first < last) {
			if (a->runs[first].start < start)
				put[0].start = a->runs[first].start;
			if (a->runs[last - 1].end > end)
				put[0].end = a->runs[last - 1].end;
		}
	} else if (first < last) {
		if (a->runs[first].start < start)
			put[nput++] = (struct attr_run){ a->runs[first].start,
							 start };
		if (a->runs[last - 1].end > end)
			put[nput++] =
				(struct attr_run){ end, a->runs[last - 1].end };
	}
	memmove(a->runs + first + nput, a->runs + last,
		(a->nr - last) * sizeof(*a->runs));
	memcpy(a->runs + first, put, nput * sizeof(*put));
	a->nr = a->nr - (last - first) + nput;
	return 0;
}

bool attrs_private(const struct attrs *a, uint64_t gpa)
{
	size_t i = first_touching(a, gpa + 1);

	return i < a->nr && a->runs[i].start <= gpa;
}

uint64_t attrs_private_bytes(const struct attrs *a, uint64_t start,
			     uint64_t end)
{
	uint64_t sum = 0;

	for (size_t i = first_touching(a, start);
	     i < a->nr && a->runs[i].start < end; i++) {
		uint64_t s = a->runs[i].start > start ? a->runs[i].start
						      : start;
		uint64_t t = a->runs[i].end < end ? a->runs[i].end : end;

		if (t > s)
			sum += t - s;
	}
	return sum;
}

bool attrs_next_shared(const struct attrs *a, uint64_t *start, uint64_t end,
		       uint64_t *len)
{
	size_t i = first_touching(a, *start + 1);

	if (i < a->nr && a->runs[i].start <= *start)
		*start = a->runs[i++].end;
	if (*start >= end)
		return false;
	*len = (i < a->nr && a->runs[i].start < end ? a->runs[i].start : end) -
	       *start;
	return true;
}
