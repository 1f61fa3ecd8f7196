// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

/* Not strtoull(): it accepts signs, leading blanks and octal. */
static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Return the shift of a suffix, 0 at the end of the string, -1 for anything
 * else. None of the letters is a hexadecimal digit. */
static int suffix_shift(const char *s)
{
	static const char letters[] = "KkMmGgTt";
	const char *at;

	if (!*s)
		return 0;
	at = strchr(letters, *s);
	if (!at || s[1])
		return -1;
	return 10 * ((int)(at - letters) / 2 + 1);
}

int num_parse(const char *s, const char *what, uint64_t *out, struct err *e)
{
	const char *p = s;
	bool fits = true;
	uint64_t v = 0;
	int base = 10;
	int d, shift;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (digit_value(*p) >= base)
		goto malformed;
	for (; (d = digit_value(*p)) < base; p++)
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			fits = false;
	shift = suffix_shift(p);
	if (shift < 0)
		goto malformed;
	if (!fits || v > UINT64_MAX >> shift)
		return err_range(e, "%s: %.64s does not fit in 64 bits", what,
				 s);
	*out = v << shift;
	return 0;

malformed:
	return err_usage(e,
			 "%s: \"%.64s\" is not a number: expected decimal or "
			 "0x hex, optionally with K, M, G or T",
			 what, s);
}

int num_parse_range(const char *s, const char *what, uint64_t min, uint64_t max,
		    uint64_t *out, struct err *e)
{
	uint64_t v = 0;

	if (num_parse(s, what, &v, e))
		return -1;
	if (v < min || v > max)
		return err_range(e,
				 "%s: %.64s is outside %" PRIu64 "..%" PRIu64
				 " (0x%" PRIx64 "..0x%" PRIx64 ")",
				 what, s, min, max, min, max);
	*out = v;
	return 0;
}

const char *num_size(uint64_t bytes, char buf[static 24])
{
	static const char letters[] = { 'K', 'M', 'G', 'T' };
	char letter = 0;

	for (size_t i = 0; i < ARRAY_SIZE(letters); i++) {
		if (!bytes || bytes % KIB)
			break;
		bytes /= KIB;
		letter = letters[i];
	}
	snprintf(buf, 24, "%" PRIu64 "%.1s", bytes, (char[]){ letter, 0 });
	return buf;
}
