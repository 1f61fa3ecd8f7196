/* SPDX-License-Identifier: GPL-2.0-only */
/* Fields of a reply: find them by path and compare them with a word. */
#ifndef GPCVM_JSON_PATH_H
#define GPCVM_JSON_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json_read.h"

enum field_op {
	FIELD_EQ,
	FIELD_NE,
	FIELD_LT,
	FIELD_LE,
	FIELD_GT,
	FIELD_GE,
	FIELD_HAS, /* ~ */
};

/* Called by field_each() with a value whose first token was read. Return false
 * to stop. */
typedef bool (*field_fn)(void *arg, const struct json_read *value);

enum field_found {
	FIELD_ALL,     /* @fn was called for each */
	FIELD_STOPPED, /* @fn returned false */
	FIELD_MISSING, /* a field that the path names does not exist */
};

/* Parse "=", "!=" ...; -1 with a usage error. */
int field_parse_op(const char *s, enum field_op *op, struct err *e);
const char *field_op_name(enum field_op op);
/* Check that @path is a valid path; -1 with a usage error. */
int field_check_path(const char *path, struct err *e);

/* Call @fn for each value that @path names in the object @text. */
enum field_found field_each(const char *text, size_t n, const char *path,
			    field_fn fn, void *arg);
/* Call @fn for each member @name, however deep, in the order of the text. */
void field_each_named(const char *text, size_t n, const char *name, field_fn fn,
		      void *arg);

enum field_holds {
	FIELD_YES,
	FIELD_NO,
	FIELD_NO_NUMBER, /* < <= > >= of something that is not a number */
	FIELD_NO_VALUE,	 /* an object or an array */
	FIELD_NO_MEMORY, /* to compare them */
};

/* Does @value @op @want hold? Compared as numbers if both are numbers (in
 * @value JSON numbers and strings that start with 0x; in @want decimal or 0x,
 * with K, M, G, T), else as text. */
enum field_holds field_compare(const struct json_read *value, enum field_op op,
			       const char *want);
/* The same for two numbers, with any @op but ~. */
bool field_numbers_hold(long double a, enum field_op op, long double b);

#endif
