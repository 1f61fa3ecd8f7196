/* SPDX-License-Identifier: GPL-2.0-only */
/* Format replies and events for people. */
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
	REPLY_BAD, /* not JSON, or none of the other objects */
};

struct reply {
	enum reply_kind kind;
	char name[32]; /* of the command or event, truncated */
};

/* Determine the kind of @line (gpcvm-control(7)). */
void reply_classify(const char *line, size_t n, struct reply *r);

/* Print the line as received. gpcvm's lines have no control characters
 * (json.c). In those of another, possibly hostile peer, they are escaped and
 * invalid UTF-8 is replaced. */
void reply_print(FILE *out, const char *line, size_t n);

/*
 * Format a reply or event as text that ends with a newline:
 *
 *	ok punch  3120 ns  gpa=0x1000 len=4096
 *	error (range, EINVAL): message
 *	* warn  text="..."
 *
 * Arrays of objects follow as tables, other nested values as lists. Lines are
 * wrapped at @width (0: never) where possible. Control characters are escaped:
 * they may come from the guest, and a terminal would interpret them.
 */
void reply_render(FILE *out, const char *line, size_t n, size_t width);

/* Shared by ctl_*.c. Widths are in characters. */

enum value_style {
	VALUE_BARE,
	VALUE_QUOTED, /* quote strings with blanks */
};

/* Print the value whose first token was read last, or only measure it if @out
 * is NULL. Returns its width. Arrays and objects are printed as received. */
size_t render_value(FILE *out, const struct json_read *r,
		    enum value_style style);
/* Does the value fit into a cell: a scalar, empty, or an array of scalars? */
bool render_is_flat(const struct json_read *value);
/* Print JSON as received, including escapes. */
size_t render_raw(FILE *out, const char *p, const char *end);
/* Print a key without quotes. */
size_t render_key(FILE *out, const struct json_read *r);
void render_blanks(FILE *out, size_t n);

/* Print the array of objects that @array has entered as a table,
 * with rows indented by @indent. Returns false, without printing, if
 * it does not form a table. */
bool render_table(FILE *out, const struct json_read *array, size_t indent,
		  size_t width);

/* Print a member (@key) or an element (@key is NULL), whose value was read
 * last, on lines of its own. @value stays at its first token. */
void render_member(FILE *out, const struct json_read *key,
		   const struct json_read *value, size_t indent, size_t width);

#endif
