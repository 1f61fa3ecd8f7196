// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/ctl_render.h"

#define STEP 2

/* Return the width of the widest key with a value on the
 * same line. @r is a copy. */
static size_t widest_key(struct json_read r)
{
	size_t widest = 0;

	while (json_read_next(&r) == JSON_KEY) {
		size_t width = render_key(NULL, &r);

		json_read_next(&r);
		if (render_is_flat(&r) && width > widest)
			widest = width;
		if (!json_read_skip(&r))
			break;
	}
	return widest;
}

static void put_nested_lines(FILE *out, struct json_read r, size_t indent,
			     size_t width);

/* Print a member after its indentation. */
static void put_member(FILE *out, const struct json_read *key,
		       const struct json_read *value, size_t indent,
		       size_t column, size_t width)
{
	size_t n = render_key(out, key);

	if (!render_is_flat(value)) {
		fputs(":\n", out);
		put_nested_lines(out, *value, indent + STEP, width);
		return;
	}
	render_blanks(out, n < column ? column - n + STEP : STEP);
	if (!render_value(out, value, VALUE_BARE))
		fputc('-', out);
	fputc('\n', out);
}

/* Print the members of the object that @r has entered. With @inlined, the
 * cursor is already at the place of the first. */
static void put_members(FILE *out, struct json_read r, size_t indent,
			bool inlined, size_t width)
{
	size_t column = widest_key(r);

	while (json_read_next(&r) == JSON_KEY) {
		struct json_read key = r;

		json_read_next(&r);
		if (!inlined)
			render_blanks(out, indent);
		inlined = false;
		put_member(out, &key, &r, indent, column, width);
		if (!json_read_skip(&r))
			return;
	}
}

static void put_element(FILE *out, const struct json_read *value, size_t indent,
			size_t width)
{
	render_blanks(out, indent);
	if (render_is_flat(value)) {
		fputs("- ", out);
		if (!render_value(out, value, VALUE_BARE))
			fputc('-', out);
		fputc('\n', out);
	} else if (value->last == JSON_OBJECT) {
		fputs("- ", out);
		put_members(out, *value, indent + STEP, true, width);
	} else {
		fputs("-\n", out);
		put_nested_lines(out, *value, indent + STEP, width);
	}
}

/* Print the contents of the object or array that @r has entered. */
static void put_nested_lines(FILE *out, struct json_read r, size_t indent,
			     size_t width)
{
	if (r.last == JSON_OBJECT) {
		put_members(out, r, indent, false, width);
		return;
	}
	if (render_table(out, &r, indent, width))
		return;
	while (json_read_next(&r) >= JSON_OBJECT && r.last != JSON_ARRAY_END) {
		put_element(out, &r, indent, width);
		if (!json_read_skip(&r))
			return;
	}
}

void render_member(FILE *out, const struct json_read *key,
		   const struct json_read *value, size_t indent, size_t width)
{
	if (!key) {
		put_element(out, value, indent, width);
		return;
	}
	render_blanks(out, indent);
	put_member(out, key, value, indent, 0, width);
}
