/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A JSON writer: appends to a growing buffer, inserts commas and escapes
 * strings. Callers need not check each call: if memory runs out the buffer is
 * marked, and json_text() returns NULL.
 */
#ifndef GPCVM_JSON_H
#define GPCVM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *buf; /* owned; not terminated; see json_text() */
	size_t len, cap;
	bool comma;  /* the next element needs a comma first */
	bool failed; /* out of memory: what is in buf is incomplete */
};

void json_init(struct json *j);
void json_free(struct json *j);
/* Empty the buffer but keep its memory. */
void json_reset(struct json *j);
/* A position to which json_rewind() goes back; it drops what was written
 * since. */
struct json_mark {
	size_t len;
	bool comma;
};

struct json_mark json_mark(const struct json *j);
void json_rewind(struct json *j, struct json_mark m);
/* Terminate the text with NUL (not counted in len) and return it; NULL if
 * memory ran out. The text belongs to @j. */
const char *json_text(struct json *j);

/* @key is NULL inside an array and at the top level. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_str(struct json *j, const char *key, const char *value);
/* Write bytes that need not be UTF-8; invalid ones become U+FFFD. */
void json_strn(struct json *j, const char *key, const char *value, size_t len);
void json_num(struct json *j, const char *key, uint64_t value);
void json_int(struct json *j, const char *key, int64_t value);
/* Write a gpa, gfn, address or 64-bit word as a string "0x...": JSON numbers
 * lose precision above 2^53. */
void json_hex(struct json *j, const char *key, uint64_t value);
/* Write a string of two hex digits a byte, in memory order. */
void json_bytes(struct json *j, const char *key, const void *data, size_t len);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* Append text that is JSON already, without a comma. */
void json_raw(struct json *j, const char *text, size_t len);
/* Write a newline between two top-level values. */
void json_newline(struct json *j);

#endif
