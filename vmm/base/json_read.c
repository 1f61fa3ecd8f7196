// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "base/json_read.h"
#include "base/text.h"

void json_read_init(struct json_read *r, const char *text, size_t n)
{
	*r = (struct json_read){ .at = text,
				 .end = text + n,
				 .text = text,
				 .last = JSON_NULL,
				 .value_next = true };
}

static enum json_token read_failed(struct json_read *r)
{
	r->len = 0;
	return r->last = JSON_BAD;
}

static void skip_blanks(struct json_read *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' ||
				  *r->at == '\n' || *r->at == '\r'))
		r->at++;
}

static enum json_token take_token(struct json_read *r, enum json_token t,
				  size_t n)
{
	r->text = r->at;
	r->len = n;
	r->at += n;
	return r->last = t;
}

static enum json_token read_word(struct json_read *r, const char *want,
				 enum json_token t)
{
	size_t n = strlen(want);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, want, n) != 0)
		return read_failed(r);
	return take_token(r, t, n);
}

static size_t skip_digits(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

/* RFC 8259, section 6. */
static enum json_token read_number(struct json_read *r)
{
	const char *p = r->at;
	size_t n;

	if (*p == '-')
		p++;
	n = skip_digits(p, r->end);
	if (!n || (n > 1 && *p == '0'))
		return read_failed(r);
	p += n;
	if (p < r->end && *p == '.') {
		n = skip_digits(++p, r->end);
		if (!n)
			return read_failed(r);
		p += n;
	}
	if (p < r->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < r->end && (*p == '+' || *p == '-'))
			p++;
		n = skip_digits(p, r->end);
		if (!n)
			return read_failed(r);
		p += n;
	}
	return take_token(r, JSON_NUMBER, (size_t)(p - r->at));
}

static int hex4(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		if (c >= '0' && c <= '9')
			v = v * 16 + c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v * 16 + (c | 32) - 'a' + 10;
		else
			return -1;
	}
	return v;
}

static enum json_token read_string(struct json_read *r, enum json_token t)
{
	const char *p = ++r->at;

	for (; p < r->end && *p != '"'; p++) {
		if (*p != '\\')
			continue;
		if (++p == r->end || !*p || !strchr("\"\\/bfnrtu", *p))
			return read_failed(r);
		if (*p == 'u' && hex4(p + 1, r->end) < 0)
			return read_failed(r);
	}
	if (p == r->end)
		return read_failed(r);
	take_token(r, t, (size_t)(p - r->at));
	r->at++; /* the closing quote */
	return t;
}

static bool in_object(const struct json_read *r)
{
	return r->depth && (r->objects >> (r->depth - 1) & 1);
}

static enum json_token open_bracket(struct json_read *r, enum json_token t)
{
	uint64_t bit;

	if (r->depth == JSON_MAX_DEPTH)
		return read_failed(r);
	bit = UINT64_C(1) << r->depth++;
	r->objects = t == JSON_OBJECT ? r->objects | bit : r->objects & ~bit;
	return take_token(r, t, 1);
}

static enum json_token read_value(struct json_read *r)
{
	r->value_next = false;
	switch (*r->at) {
	case '{':
		return open_bracket(r, JSON_OBJECT);
	case '[':
		return open_bracket(r, JSON_ARRAY);
	case '"':
		return read_string(r, JSON_STRING);
	case 't':
		return read_word(r, "true", JSON_TRUE);
	case 'f':
		return read_word(r, "false", JSON_FALSE);
	case 'n':
		return read_word(r, "null", JSON_NULL);
	default:
		return read_number(r);
	}
}

static enum json_token read_key(struct json_read *r)
{
	struct json_read k;

	if (*r->at != '"' || read_string(r, JSON_KEY) == JSON_BAD)
		return read_failed(r);
	k = *r; /* skip the colon, but the key is the token */
	skip_blanks(&k);
	if (k.at == k.end || *k.at != ':')
		return read_failed(r);
	r->at = k.at + 1;
	r->value_next = true;
	return JSON_KEY;
}

enum json_token json_read_next(struct json_read *r)
{
	bool object = in_object(r);

	if (r->last == JSON_BAD || r->last == JSON_END)
		return r->last;
	skip_blanks(r);
	if (r->at == r->end) {
		if (r->depth || r->value_next)
			return read_failed(r);
		return take_token(r, JSON_END, 0);
	}
	if (r->value_next)
		return read_value(r);
	if (!r->depth)
		return read_failed(r); /* text after the top-level value */
	if (*r->at == (object ? '}' : ']')) {
		r->depth--;
		return take_token(r, object ? JSON_OBJECT_END : JSON_ARRAY_END,
				  1);
	}
	if (r->last != JSON_OBJECT && r->last != JSON_ARRAY) {
		if (*r->at != ',')
			return read_failed(r);
		r->at++;
		skip_blanks(r);
		if (r->at == r->end)
			return read_failed(r);
	}
	return object ? read_key(r) : read_value(r);
}

bool json_read_skip(struct json_read *r)
{
	unsigned int depth = r->depth;

	if (r->last != JSON_OBJECT && r->last != JSON_ARRAY)
		return r->last != JSON_BAD && r->last != JSON_END;
	while (json_read_next(r) != JSON_BAD)
		if (r->depth < depth)
			return true;
	return false;
}

static size_t utf8_encode(uint32_t c, char out[static 4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Decode \u; @*at is after the u. A pair of surrogates is one character (RFC
 * 8259, section 7). */
static uint32_t escaped_unicode(const char **at, const char *end)
{
	int high = hex4(*at, end);
	int low;

	if (high < 0)
		return 0xfffd;
	*at += 4;
	if (high < 0xd800 || high > 0xdfff)
		return (uint32_t)high;
	if (high > 0xdbff || end - *at < 6 || (*at)[0] != '\\' ||
	    (*at)[1] != 'u')
		return 0xfffd;
	low = hex4(*at + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*at += 6;
	return 0x10000 + ((uint32_t)(high - 0xd800) << 10) +
	       (uint32_t)(low - 0xdc00);
}

size_t json_read_char(const char **at, const char *end, char out[static 4])
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	const char *p = *at;
	const char *hit;
	size_t n;

	if (p == end)
		return 0;
	if (*p == '\\' && end - p > 1) {
		*at = p + 2;
		if (p[1] == 'u')
			return utf8_encode(escaped_unicode(at, end), out);
		hit = p[1] ? strchr(from, p[1]) : NULL;
		out[0] = hit ? to[hit - from] : p[1];
		return 1;
	}
	n = utf8_len(p, (size_t)(end - p));
	*at = p + (n ? n : 1);
	if (!n)
		return utf8_encode(0xfffd, out);
	memcpy(out, p, n);
	return n;
}

bool json_read_is(const struct json_read *r, const char *want)
{
	const char *at = r->text;
	char c[4];
	size_t n;

	if (r->last != JSON_KEY && r->last != JSON_STRING)
		return false;
	while ((n = json_read_char(&at, r->text + r->len, c))) {
		if (strnlen(want, n) < n || memcmp(want, c, n) != 0)
			return false;
		want += n;
	}
	return !*want;
}

size_t json_read_string(const struct json_read *r, char *buf, size_t size)
{
	const char *at = r->text;
	size_t len = 0;
	char c[4];
	size_t n;

	if (!size)
		return 0;
	if (r->last == JSON_KEY || r->last == JSON_STRING) {
		while ((n = json_read_char(&at, r->text + r->len, c))) {
			if (len + n >= size)
				break;
			memcpy(buf + len, c, n);
			len += n;
		}
	}
	buf[len] = 0;
	return len;
}
