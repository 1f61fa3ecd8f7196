/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rate limits for reports that a guest causes: a burst, then a few now and
 * then, with a count of those suppressed. As with printk_ratelimited() in the
 * kernel (include/linux/printk.h) a source is a place in the code: its format
 * string.
 */
#ifndef GPCVM_LIMIT_H
#define GPCVM_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_SOURCES 48

struct limit {
	const char *source;
	unsigned int passed; /* reports of this burst */
	uint64_t since;	     /* start of the burst, ns */
	uint64_t missed;     /* suppressed since the last one that passed */
	uint64_t row;	     /* suppressed since the burst was used up */
};

/* Locked by the caller. Initialise burst and again_ns, and clear the rest. */
struct limits {
	unsigned int burst;
	uint64_t again_ns; /* ns until the next burst; 0: never */
	uint64_t missed;   /* suppressed, of all sources */
	struct limit sources[LIMIT_SOURCES];
};

/*
 * May @source report again at @now? If so, *@missed is the number of reports
 * that were suppressed before. Beyond its burst a source passes whenever the
 * number suppressed in a row reaches a power of two: an endless source stays
 * visible but writes little.
 */
bool limit_pass(struct limits *l, const char *source, uint64_t now,
		uint64_t *missed);

#endif
