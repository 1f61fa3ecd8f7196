/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_UNITS_H
#define GPCVM_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SHIFT    12
#define PAGE_SIZE     (UINT64_C(1) << PAGE_SHIFT)
#define KIB	      (UINT64_C(1) << 10)
#define MIB	      (UINT64_C(1) << 20)
#define GIB	      (UINT64_C(1) << 30)
#define TIB	      (UINT64_C(1) << 40)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline uint64_t align_up(uint64_t v, uint64_t a)
{
	return (v + a - 1) & ~(a - 1);
}

/* Do @a..@a+@a_len and @b..@b+@b_len overlap? Neither sum may wrap. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b,
				  uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

#endif
