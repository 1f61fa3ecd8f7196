/* SPDX-License-Identifier: GPL-2.0-only */
/* Fields of a reply: found by their path, compared with a word. */
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

/* What field_each() calls with a value whose first token was read. Returns
 * false to go no further. */
typedef bool (*field_fn)(void *arg, const struct json_read *value);

enum field_found {
	FIELD_ALL,     /* @fn was called for each */
	FIELD_STOPPED, /* @fn wanted no more */
	FIELD_MISSING, /* one that the path names is not there */
};

/* "=", "!=" ... -1 with a usage error. */
int field_parse_op(const char *s, enum field_op *op, struct err *e);
const char *field_op_name(enum field_op op);
/* -1 with a usage error where @path is none. */
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
	FIELD_NO_NUMBER, /* < <= > >= of what is none */
	FIELD_NO_VALUE,	 /* an object or an array */
	FIELD_NO_MEMORY, /* to compare them */
};

/* Is it so that @value @op @want? As numbers if both are (JSON's, strings that
 * start with 0x; @want decimal or 0x, with K, M, G, T), else as texts. */
enum field_holds field_compare(const struct json_read *value, enum field_op op,
			       const char *want);
/* The same of two numbers; of @op all but ~. */
bool field_numbers_hold(long double a, enum field_op op, long double b);

#endif
