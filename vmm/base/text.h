/* SPDX-License-Identifier: GPL-2.0-only */
/* Text from outside: checks UTF-8 and splits request lines. */
#ifndef GPCVM_TEXT_H
#define GPCVM_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define LINE_MAX_BYTES 4096 /* of a request, without its newline */
#define LINE_MAX_WORDS 64

/* Return the length (1..4) of the UTF-8 sequence at @s, or 0 if it is invalid
 * (overlong, surrogate, above U+10FFFF, truncated). RFC 3629. */
size_t utf8_len(const char *s, size_t n);
/* Is it valid and free of control characters (C0, DEL, C1: U+0080 to
 * U+009F)? */
bool utf8_harmless(const char *s, size_t n);
bool utf8_valid(const char *s, size_t n);

/*
 * Split @line (NUL-terminated, modified in place) at blanks and tabs into at
 * most LINE_MAX_WORDS words. "Double quotes" keep blanks; inside them \" and \\
 * stand for " and \. Returns the number of words, 0 for an empty line, -1 with
 * a usage error (a quote that is not closed, text right after a closing quote,
 * too many words).
 */
int text_split(char *line, char *words[static LINE_MAX_WORDS], struct err *e);
/* The same; on failure *bad is the offset of the invalid word. */
int text_split_at(char *line, char *words[static LINE_MAX_WORDS], size_t *bad,
		  struct err *e);

#endif
