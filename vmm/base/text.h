/* SPDX-License-Identifier: GPL-2.0-only */
/* Text that comes from outside: UTF-8 and the splitting of request lines. */
#ifndef GPCVM_TEXT_H
#define GPCVM_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define LINE_MAX_BYTES 4096 /* of a request, its newline not counted */
#define LINE_MAX_WORDS 64

/* How many bytes the UTF-8 sequence at @s takes (1..4), 0 if it is not valid
 * (overlong, surrogate, above U+10FFFF, cut short). RFC 3629. */
size_t utf8_len(const char *s, size_t n);
/* Valid, and no control character (C0, DEL, C1: U+0080 to U+009F)? */
bool utf8_harmless(const char *s, size_t n);
bool utf8_valid(const char *s, size_t n);

/*
 * Split @line (NUL-terminated, changed in place) at blanks and tabs into at
 * most LINE_MAX_WORDS words; "double quotes" hold blanks together, and inside
 * them \" and \\ stand for themselves. Returns the number of words, 0 for an
 * empty line, -1 with a usage error (a quote that is not closed, text that
 * touches a closing quote, too many words).
 */
int text_split(char *line, char *words[static LINE_MAX_WORDS], struct err *e);
/* The same; where it fails *bad is the offset of the word that is wrong. */
int text_split_at(char *line, char *words[static LINE_MAX_WORDS], size_t *bad,
		  struct err *e);

#endif
