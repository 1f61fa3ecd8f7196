/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A JSON reader: walks over a text token by token, allocates nothing and
 * keeps nothing but its place. Whatever the text is, it ends with JSON_END or
 * JSON_BAD after at most one step more than there are bytes. Copying the struct
 * is a bookmark.
 *
 * It checks the grammar of RFC 8259. What it tolerates is inside strings: raw
 * control characters, invalid UTF-8 and lone surrogates.
 */
#ifndef GPCVM_JSON_READ_H
#define GPCVM_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 64

enum json_token {
	JSON_BAD, /* not JSON, cut short, or nested too deep; stays so */
	JSON_END, /* behind the one value at the top; stays so */
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
	/* The last token as it is written; of a string without the quotes. */
	const char *text;
	size_t len;
	uint64_t objects; /* bit d: the bracket at depth d is an object */
	unsigned int depth;
	enum json_token last;
	bool value_next; /* a value has to come: at the top, behind a key */
};

void json_read_init(struct json_read *r, const char *text, size_t n);

enum json_token json_read_next(struct json_read *r);

/* The last token began a value: go on to its end. Nothing to do but for an
 * object or an array. false if the text is bad before that. */
bool json_read_skip(struct json_read *r);

/* The last token is a key or string that reads @want once its escapes are
 * resolved. */
bool json_read_is(const struct json_read *r, const char *want);

/*
 * Resolve the escapes of the last key or string into @buf, which is always
 * terminated; cut at a character's border where it does not fit. What is not
 * UTF-8 becomes U+FFFD. Returns the length, which may count NUL bytes.
 */
size_t json_read_string(const struct json_read *r, char *buf, size_t size);

/* The next character of the string of which @*at is the rest (start with
 * text), as UTF-8 into @out. Returns its length, 0 at the end. */
size_t json_read_char(const char **at, const char *end, char out[static 4]);

#endif
