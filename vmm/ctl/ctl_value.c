// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "base/text.h"
#include "ctl/ctl_render.h"

void render_blanks(FILE *out, size_t n)
{
	while (n--)
		fputc(' ', out);
}

/* Print a character, escaped if it is a control character, and return its
 * width. U+0080 to U+009F count as well: terminals take U+009B for ESC [. */
static size_t put_visible(FILE *out, const char *c, size_t n)
{
	static const char from[] = "\n\t\r\b\f";
	static const char to[] = "ntrbf";
	const unsigned char *u = (const unsigned char *)c;
	unsigned int code = n == 2 && u[0] == 0xc2 ? u[1] : u[0];
	const char *hit;

	if ((n == 1 && (u[0] < 0x20 || u[0] == 0x7f)) ||
	    (n == 2 && u[0] == 0xc2 && u[1] < 0xa0)) {
		hit = code ? strchr(from, (int)code) : NULL;
		if (out && hit)
			fprintf(out, "\\%c", to[hit - from]);
		else if (out)
			fprintf(out, "\\u%04x", code);
		return hit ? 2 : 6;
	}
	if (out)
		fwrite(c, 1, n, out);
	return 1;
}

static size_t put_json_text(FILE *out, const char *text, size_t len)
{
	const char *at = text;
	size_t width = 0;
	char c[4];
	size_t n;

	while ((n = json_read_char(&at, text + len, c)))
		width += put_visible(out, c, n);
	return width;
}

size_t render_key(FILE *out, const struct json_read *r)
{
	return put_json_text(out, r->text, r->len);
}

static bool wants_quotes(const struct json_read *r)
{
	return !r->len || memchr(r->text, ' ', r->len) ||
	       memchr(r->text, '\\', r->len);
}

size_t render_raw(FILE *out, const char *p, const char *end)
{
	size_t width = 0;

	while (p < end) {
		size_t n = utf8_len(p, (size_t)(end - p));

		width += n ? put_visible(out, p, n)
			   : put_visible(out, "\xef\xbf\xbd", 3);
		p += n ? n : 1;
	}
	return width;
}

bool render_is_flat(const struct json_read *value)
{
	struct json_read r = *value;
	enum json_token t;

	if (r.last == JSON_OBJECT)
		return json_read_next(&r) == JSON_OBJECT_END;
	if (r.last != JSON_ARRAY)
		return r.last >= JSON_STRING;
	while ((t = json_read_next(&r)) >= JSON_STRING)
		;
	return t == JSON_ARRAY_END;
}

static size_t put_nested_value(FILE *out, const struct json_read *value)
{
	struct json_read r = *value;
	size_t width = 0;

	if (!render_is_flat(value)) {
		json_read_skip(&r);
		return render_raw(out, value->text, r.at);
	}
	while (json_read_next(&r) >= JSON_STRING) {
		if (width)
			width += put_visible(out, ",", 1);
		width += render_value(out, &r, VALUE_BARE);
	}
	return width;
}

size_t render_value(FILE *out, const struct json_read *r,
		    enum value_style style)
{
	size_t width;

	switch (r->last) {
	case JSON_STRING:
		if (style == VALUE_BARE || !wants_quotes(r))
			return put_json_text(out, r->text, r->len);
		if (out)
			fputc('"', out);
		width = put_json_text(out, r->text, r->len);
		if (out)
			fputc('"', out);
		return width + 2;
	case JSON_NULL:
		if (out)
			fputc('-', out);
		return 1;
	case JSON_OBJECT:
	case JSON_ARRAY:
		return put_nested_value(out, r);
	default:
		return put_json_text(out, r->text, r->len);
	}
}
