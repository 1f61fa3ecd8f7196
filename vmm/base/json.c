// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define FIRST_CAP 512

void json_init(struct json *j)
{
	*j = (struct json){ 0 };
}

void json_free(struct json *j)
{
	free(j->buf);
	json_init(j);
}

void json_reset(struct json *j)
{
	j->len = 0;
	j->comma = false;
	j->failed = false;
}

static bool json_grow(struct json *j, size_t need)
{
	size_t cap = j->cap ? j->cap : FIRST_CAP;
	char *buf;

	if (j->failed)
		return false;
	while (cap - j->len < need) {
		if (__builtin_mul_overflow(cap, (size_t)2, &cap)) {
			j->failed = true;
			return false;
		}
	}
	buf = realloc(j->buf, cap);
	if (!buf) {
		j->failed = true;
		return false;
	}
	j->buf = buf;
	j->cap = cap;
	return true;
}

/* Make room for @need more bytes. Once memory has run out nothing is appended,
 * so that no later element takes the place of a missing one. */
static inline bool json_reserve(struct json *j, size_t need)
{
	if (!j->failed && j->cap - j->len >= need)
		return true;
	return json_grow(j, need);
}

static void json_put(struct json *j, const char *s, size_t n)
{
	if (!n || !json_reserve(j, n))
		return;
	memcpy(j->buf + j->len, s, n);
	j->len += n;
}

static void json_put_char(struct json *j, char c)
{
	if (json_reserve(j, 1))
		j->buf[j->len++] = c;
}

struct json_mark json_mark(const struct json *j)
{
	return (struct json_mark){ j->len, j->comma };
}

void json_rewind(struct json *j, struct json_mark m)
{
	j->len = m.len;
	j->comma = m.comma;
}

const char *json_text(struct json *j)
{
	if (!json_reserve(j, 1))
		return NULL;
	j->buf[j->len] = 0;
	return j->buf;
}

static inline bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* U+0080 to U+009F: terminals take U+009B for ESC [. JSON does not require
 * these and DEL to be escaped; escape them for replies shown on a terminal. */
static bool is_c1(const char *s)
{
	return s[0] == '\xc2' && (unsigned char)s[1] < 0xa0;
}

/* RFC 8259, section 7. */
static void put_escaped(struct json *j, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\"\\\b\f\n\r\t";
	static const char to[] = "\"\\bfnrt";
	const char *at = c ? strchr(from, c) : NULL;
	char esc[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (!at) {
		json_put(j, esc, sizeof(esc));
		return;
	}
	esc[1] = to[at - from];
	json_put(j, esc, 2);
}

static void json_put_string(struct json *j, const char *s, size_t n)
{
	static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
	size_t i = 0;

	json_put_char(j, '"');
	while (i < n) {
		size_t start = i;
		size_t len;

		while (i < n && is_plain((unsigned char)s[i]))
			i++;
		json_put(j, s + start, i - start);
		if (i == n)
			break;
		if ((unsigned char)s[i] < 0x80) {
			put_escaped(j, (unsigned char)s[i++]);
			continue;
		}
		len = utf8_len(s + i, n - i);
		if (len == 2 && is_c1(s + i)) {
			put_escaped(j, (unsigned char)s[i + 1]);
			i += len;
			continue;
		}
		json_put(j, len ? s + i : replacement, len ? len : 3);
		i += len ? len : 1;
	}
	json_put_char(j, '"');
}

/* Write what precedes any value: the comma and the key. */
static void json_begin_value(struct json *j, const char *key)
{
	if (j->comma)
		json_put_char(j, ',');
	j->comma = true;
	if (key) {
		json_put_string(j, key, strlen(key));
		json_put_char(j, ':');
	}
}

static void json_open(struct json *j, const char *key, char bracket)
{
	json_begin_value(j, key);
	json_put_char(j, bracket);
	j->comma = false;
}

static void json_close(struct json *j, char bracket)
{
	json_put_char(j, bracket);
	j->comma = true;
}

void json_object(struct json *j, const char *key)
{
	json_open(j, key, '{');
}

void json_object_end(struct json *j)
{
	json_close(j, '}');
}

void json_array(struct json *j, const char *key)
{
	json_open(j, key, '[');
}

void json_array_end(struct json *j)
{
	json_close(j, ']');
}

void json_strn(struct json *j, const char *key, const char *value, size_t len)
{
	json_begin_value(j, key);
	json_put_string(j, value, len);
}

void json_str(struct json *j, const char *key, const char *value)
{
	if (value)
		json_strn(j, key, value, strlen(value));
	else
		json_null(j, key);
}

static void put_decimal(struct json *j, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	json_put(j, digits + at, sizeof(digits) - at);
}

void json_num(struct json *j, const char *key, uint64_t value)
{
	json_begin_value(j, key);
	put_decimal(j, value);
}

void json_int(struct json *j, const char *key, int64_t value)
{
	json_begin_value(j, key);
	if (value < 0)
		json_put_char(j, '-');
	put_decimal(j, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_hex(struct json *j, const char *key, uint64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "\"0x%" PRIx64 "\"", value);

	json_begin_value(j, key);
	json_put(j, text, (size_t)n);
}

void json_bytes(struct json *j, const char *key, const void *data, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = data;

	json_begin_value(j, key);
	json_put_char(j, '"');
	for (size_t i = 0; i < len; i++) {
		char pair[2] = { hex[p[i] >> 4], hex[p[i] & 15] };

		json_put(j, pair, sizeof(pair));
	}
	json_put_char(j, '"');
}

void json_bool(struct json *j, const char *key, bool value)
{
	json_begin_value(j, key);
	json_put(j, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *j, const char *key)
{
	json_begin_value(j, key);
	json_put(j, "null", 4);
}

void json_newline(struct json *j)
{
	json_put_char(j, '\n');
	j->comma = false;
}

void json_raw(struct json *j, const char *text, size_t len)
{
	json_put(j, text, len);
}
