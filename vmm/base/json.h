/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A JSON writer: appends to a growing buffer, puts the commas in, escapes
 * strings. It never fails half-way: when memory runs out the buffer is marked
 * and json_take() says so.
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
/* Empty it, keep the memory. */
void json_reset(struct json *j);
/* Go back to where it was: what came since is forgotten. */
struct json_mark {
	size_t len;
	bool comma;
};

struct json_mark json_mark(const struct json *j);
void json_rewind(struct json *j, struct json_mark m);
/* Terminate with NUL (not counted in len) and return the text; NULL if memory
 * ran out. The text belongs to @j. */
const char *json_text(struct json *j);

/* @key is NULL inside an array and at the top. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_str(struct json *j, const char *key, const char *value);
/* Bytes that need not be UTF-8: what is not comes out as U+FFFD. */
void json_strn(struct json *j, const char *key, const char *value, size_t len);
void json_num(struct json *j, const char *key, uint64_t value);
void json_int(struct json *j, const char *key, int64_t value);
/* A gpa, gfn, address or 64-bit word: a string "0x..." (JSON's numbers lose
 * what is above 2^53). */
void json_hex(struct json *j, const char *key, uint64_t value);
/* A string of two hex digits a byte, in memory order. */
void json_bytes(struct json *j, const char *key, const void *data, size_t len);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* Text that is JSON already, as it is, without a comma. */
void json_raw(struct json *j, const char *text, size_t len);
/* A newline between two top-level values. */
void json_newline(struct json *j);

#endif
