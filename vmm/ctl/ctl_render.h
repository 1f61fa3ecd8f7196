/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine's replies and events, shown for people. */
#ifndef GPCVM_CTL_RENDER_H
#define GPCVM_CTL_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/json_read.h"

enum reply_kind {
	REPLY_OK,
	REPLY_FAILED,
	REPLY_EVENT,
	REPLY_BAD, /* not JSON, or no object that is one of the others */
};

struct reply {
	enum reply_kind kind;
	char name[32]; /* of the command or event; cut where longer */
};

/* Which kind @line is (docs: the control protocol). */
void reply_classify(const char *line, size_t n, struct reply *r);

/*
 * One reply or event as text that ends with a newline:
 *
 *	ok punch  3120 ns  gpa=0x1000 len=4096
 *	error (range, EINVAL): message
 *	* warn  text="..."
 *
 * Arrays of objects follow as tables, other nested values as lists. Nothing
 * is wider than @width (0: as wide as it is) where that can be helped. Control
 * characters come out escaped: they may be the guest's, and a terminal would
 * obey them.
 */
/* As it came. gpcvm's lines have no control characters (json.c); in those of
 * another peer, which may be hostile, they are escaped, and what is not UTF-8 is
 * replaced. */
void reply_print(FILE *out, const char *line, size_t n);
void reply_render(FILE *out, const char *line, size_t n, size_t width);

/* For ctl_*.c among themselves; widths are counted in characters. */

enum value_style {
	VALUE_BARE,
	VALUE_QUOTED, /* strings that a blank would tear apart */
};

/* Print the value whose first token was read last; @out may be NULL. Returns
 * its width. Arrays and objects are printed as they were sent. */
size_t render_value(FILE *out, const struct json_read *r,
		    enum value_style style);
/* The value is a scalar, empty, or an array of scalars: it makes one cell. */
bool render_is_flat(const struct json_read *value);
/* JSON as it was sent, escapes and all. */
size_t render_raw(FILE *out, const char *p, const char *end);
/* A key, unquoted. */
size_t render_key(FILE *out, const struct json_read *r);
void render_blanks(FILE *out, size_t n);

/* Print the array of objects that @array has just entered as a table, rows
 * indented by @indent. false, and nothing printed, if it does not make one. */
bool render_table(FILE *out, const struct json_read *array, size_t indent,
		  size_t width);

/* A member (@key) or an element (@key is NULL) whose value was read last, on
 * lines of its own. @value is left at its first token. */
void render_member(FILE *out, const struct json_read *key,
		   const struct json_read *value, size_t indent, size_t width);

#endif
