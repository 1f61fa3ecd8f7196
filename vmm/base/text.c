// SPDX-License-Identifier: GPL-2.0-only
#include "base/text.h"

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* RFC 3629, section 4: the range of the second byte depends on the first, which
 * excludes overlong forms, surrogates and values above U+10FFFF. */
size_t utf8_len(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf;

	if (!n)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n < 2)
		return 0;
	if (p[0] < 0xe0)
		return is_continuation(p[1]) ? 2 : 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high || n < 3 || !is_continuation(p[2]))
		return 0;
	if (p[0] < 0xf0)
		return 3;
	return n >= 4 && is_continuation(p[3]) ? 4 : 0;
}

static bool is_control(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;

	if (len == 2)
		return u[0] == 0xc2 && u[1] < 0xa0;
	return len == 1 && (u[0] < 0x20 || u[0] == 0x7f);
}

bool utf8_harmless(const char *s, size_t n)
{
	while (n) {
		size_t len = utf8_len(s, n);

		if (!len || is_control(s, len))
			return false;
		s += len;
		n -= len;
	}
	return true;
}

bool utf8_valid(const char *s, size_t n)
{
	while (n) {
		size_t len = utf8_len(s, n);

		if (!len)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Split a quoted word; @p is after its opening quote. Its text is moved over
 * the backslashes. Returns the position after the word, or NULL. */
static char *split_quoted(char *p, struct err *e)
{
	char *start = p;
	char *to = p;

	while (*p != '"') {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		if (!*p) {
			err_usage(e,
				  "unclosed quote before \"%.40s\": close it "
				  "with \", and write \\\" for a quote inside",
				  start);
			return NULL;
		}
		*to++ = *p++;
	}
	p++;
	if (*p && !is_blank(*p)) {
		err_usage(e,
			  "missing blank between a closing quote and \"%.40s\"",
			  p);
		return NULL;
	}
	*to = 0;
	return p;
}

/* Split a word without quotes. Returns its end, or NULL. */
static char *split_plain(char *p, struct err *e)
{
	char *start = p;

	for (; *p && !is_blank(*p); p++)
		if (*p == '"') {
			err_usage(e,
				  "quote inside the word %.40s: quote the "
				  "whole word, and write \\\" for a quote "
				  "inside",
				  start);
			return NULL;
		}
	return p;
}

int text_split_at(char *line, char *words[static LINE_MAX_WORDS], size_t *bad,
		  struct err *e)
{
	char *p = line;
	int n = 0;

	for (;;) {
		while (is_blank(*p))
			p++;
		if (!*p)
			return n;
		*bad = (size_t)(p - line);
		if (n == LINE_MAX_WORDS)
			return err_usage(e, "more than %d words at %.40s",
					 LINE_MAX_WORDS, p);
		words[n++] = *p == '"' ? p + 1 : p;
		p = *p == '"' ? split_quoted(p + 1, e) : split_plain(p, e);
		if (!p)
			return -1;
		if (*p)
			*p++ = 0;
	}
}

int text_split(char *line, char *words[static LINE_MAX_WORDS], struct err *e)
{
	size_t bad;

	return text_split_at(line, words, &bad, e);
}
