/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often a guest is reported on: a few times at once, then now and then, and
 * a count of what was left out. As printk_ratelimited() in the kernel
 * (include/linux/printk.h), a source is a place in the code: its format string.
 */
#ifndef GPCVM_LIMIT_H
#define GPCVM_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_SOURCES 48

struct limit {
	const char *source;
	unsigned int passed; /* of the burst */
	uint64_t since;	     /* when the burst began, ns */
	uint64_t missed;     /* since the last one that passed */
	uint64_t row;	     /* missed since the burst was used up */
};

/* The caller locks it. All zeros, but for the first two, is new. */
struct limits {
	unsigned int burst;
	uint64_t again_ns; /* until there is a burst again; 0: never */
	uint64_t missed;   /* of all sources, ever */
	struct limit sources[LIMIT_SOURCES];
};

/*
 * May @source report once more at @now? Where it may, *@missed is how many
 * reports were left out before. A source that goes on for ever passes when the
 * number left out in a row reaches a power of two: it stays visible, and what
 * it writes stays small.
 */
bool limit_pass(struct limits *l, const char *source, uint64_t now,
		uint64_t *missed);

#endif
