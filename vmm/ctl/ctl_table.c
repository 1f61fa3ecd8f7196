// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_render.h"

#define MAX_COLUMNS 24
#define GAP	    2  /* between two columns */
#define MIN_WRAP    24 /* minimum width of a wrapped last column */

struct column {
	struct json_read key;
	size_t width;
	bool numbers; /* only numbers: align to the right */
};

struct table {
	struct column columns[MAX_COLUMNS];
	size_t nr;
	size_t indent, width;
	size_t wrap; /* width of the last column; 0: not wrapped */
};

static bool same_key(const struct json_read *a, const struct json_read *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static struct column *find_column(struct table *t, const struct json_read *key)
{
	struct column *c;

	for (size_t i = 0; i < t->nr; i++)
		if (same_key(&t->columns[i].key, key))
			return &t->columns[i];
	if (t->nr == MAX_COLUMNS)
		return NULL;
	c = &t->columns[t->nr++];
	c->key = *key;
	c->width = render_key(NULL, key);
	c->numbers = true;
	return c;
}

static bool measure_row(struct table *t, struct json_read *r)
{
	while (json_read_next(r) == JSON_KEY) {
		struct column *c = find_column(t, r);
		size_t width;

		json_read_next(r);
		if (!c || !render_is_flat(r))
			return false;
		width = render_value(NULL, r, VALUE_BARE);
		if (width > c->width)
			c->width = width;
		if (r->last != JSON_NUMBER && r->last != JSON_NULL)
			c->numbers = false;
		if (!json_read_skip(r))
			return false;
	}
	return true;
}

static bool measure_table(struct table *t, struct json_read r)
{
	enum json_token token;
	size_t total = t->indent;
	size_t before;

	while ((token = json_read_next(&r)) != JSON_ARRAY_END)
		if (token != JSON_OBJECT || !measure_row(t, &r))
			return false;
	if (!t->nr)
		return false;
	for (size_t i = 0; i < t->nr; i++)
		total += t->columns[i].width + (i ? GAP : 0);
	if (!t->width || total <= t->width)
		return true;
	before = total - t->columns[t->nr - 1].width;
	if (before + MIN_WRAP > t->width)
		return false;
	t->wrap = t->width - before;
	return true;
}

/* Wrap the cell's text at blanks, further lines at column @indent. */
static void put_wrapped(FILE *out, const char *s, size_t room, size_t indent)
{
	size_t column = 0;

	while (*s) {
		size_t bytes = strcspn(s, " ");
		size_t chars = 0;

		for (size_t i = 0; i < bytes; i++)
			chars += (s[i] & 0xc0) != 0x80;
		if (column && column + 1 + chars > room) {
			fputc('\n', out);
			render_blanks(out, indent);
			column = 0;
		} else if (column) {
			fputc(' ', out);
			column++;
		}
		fwrite(s, 1, bytes, out);
		column += chars;
		s += bytes;
		s += strspn(s, " ");
	}
}

static void put_last_cell(FILE *out, const struct table *t,
			  const struct json_read *cell, size_t column)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f;

	f = t->wrap ? open_memstream(&text, &size) : NULL;
	if (!f) {
		render_value(out, cell, VALUE_BARE);
		return;
	}
	render_value(f, cell, VALUE_BARE);
	if (fclose(f) == 0)
		put_wrapped(out, text, t->wrap, column);
	free(text);
}

/* Find @key in the object that @r has just entered. */
static bool find_cell(struct json_read *r, const struct json_read *key)
{
	while (json_read_next(r) == JSON_KEY) {
		bool hit = same_key(r, key);

		json_read_next(r);
		if (hit)
			return true;
		if (!json_read_skip(r))
			break;
	}
	return false;
}

/* Print a row; @row has just entered an object, or is
 * NULL for the head line. */
static void put_row(FILE *out, const struct table *t,
		    const struct json_read *row)
{
	size_t at = 0; /* the cursor's column */
	size_t column = t->indent;

	for (size_t i = 0; i < t->nr; i++) {
		const struct column *c = &t->columns[i];
		struct json_read cell = row ? *row : c->key;
		size_t width, pad = 0;

		if (row && !find_cell(&cell, &c->key))
			goto next;
		width = row ? render_value(NULL, &cell, VALUE_BARE)
			    : render_key(NULL, &cell);
		if (c->numbers && width < c->width)
			pad = c->width - width;
		render_blanks(out, column + pad - at);
		if (!row)
			render_key(out, &cell);
		else if (i + 1 == t->nr)
			put_last_cell(out, t, &cell, column);
		else
			render_value(out, &cell, VALUE_BARE);
		at = column + pad + width;
next:
		column += c->width + GAP;
	}
	fputc('\n', out);
}

bool render_table(FILE *out, const struct json_read *array, size_t indent,
		  size_t width)
{
	struct table t = { .indent = indent, .width = width };
	struct json_read r = *array;

	if (!measure_table(&t, r))
		return false;
	put_row(out, &t, NULL);
	while (json_read_next(&r) == JSON_OBJECT) {
		put_row(out, &t, &r);
		json_read_skip(&r);
	}
	return true;
}
