/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers in the form that the control protocol and people use. */
#ifndef GPCVM_NUM_H
#define GPCVM_NUM_H

#include <stdbool.h>

#include "base/err.h"
#include "base/units.h"

/*
 * Parse all of @s: decimal or 0x hexadecimal, with an optional suffix K, M, G
 * or T (powers of 1024, either case). @what names the value in the message.
 * Kinds of error: usage (not a number), range (does not fit 64 bits).
 */
int num_parse(const char *s, const char *what, uint64_t *out, struct err *e);

/* The same, with a range error outside @min..@max. */
int num_parse_range(const char *s, const char *what, uint64_t min, uint64_t max,
		    uint64_t *out, struct err *e);

/* Format @bytes in the shortest exact form, for messages: "64M", "1536K",
 * "4097". */
const char *num_size(uint64_t bytes, char buf[static 24]);

#endif
