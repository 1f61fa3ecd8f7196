/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A JSON reader: walks over a text token by token. It allocates nothing and
 * holds no state but its position, so a copy of the struct is a bookmark. Any
 * text ends with JSON_END or JSON_BAD after at most one step more than it has
 * bytes.
 *
 * It checks the grammar of RFC 8259, but accepts raw control characters,
 * invalid UTF-8 and lone surrogates inside strings.
 */
#ifndef GPCVM_JSON_READ_H
#define GPCVM_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 64

enum json_token {
	JSON_BAD, /* not JSON, truncated, or nested too deep; final */
	JSON_END, /* after the single top-level value; final */
	JSON_OBJECT,
	JSON_OBJECT_END,
	JSON_ARRAY,
	JSON_ARRAY_END,
	JSON_KEY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

struct json_read {
	const char *at, *end;
	/* The last token as written; a string without its quotes. */
	const char *text;
	size_t len;
	uint64_t objects; /* bit d: the bracket at depth d is an object */
	unsigned int depth;
	enum json_token last;
	bool value_next; /* a value must follow: at the top level, after a key */
};

void json_read_init(struct json_read *r, const char *text, size_t n);

enum json_token json_read_next(struct json_read *r);

/* Skip to the end of the value that the last token began; a no-op unless that
 * is an object or an array. False if the text is bad. */
bool json_read_skip(struct json_read *r);

/* Does the last key or string, with its escapes resolved, equal @want? */
bool json_read_is(const struct json_read *r, const char *want);

/*
 * Copy the last key or string to @buf with its escapes resolved. The result is
 * always terminated, and truncated between two characters if it does not fit.
 * Invalid UTF-8 becomes U+FFFD. Returns the length, which may count NUL bytes.
 */
size_t json_read_string(const struct json_read *r, char *buf, size_t size);

/* Decode the next character of a string into @out, as UTF-8. @*at is the rest
 * of the string; start with text. Returns the length, 0 at the end. */
size_t json_read_char(const char **at, const char *end, char out[static 4]);

#endif
