// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "base/text.h"
#include "ctl/ctl_render.h"

#define STEP 2 /* of indentation */

/* The members shown on the first line; len is 0 if missing. */
struct head {
	struct json_read name, ns, error;
	enum reply_kind kind;
};

/* The first line, wrapped between fields. */
struct line {
	FILE *out;
	size_t column, width;
	bool fields; /* at least one has been printed */
};

static bool read_head(const char *text, size_t n, struct head *h)
{
	struct json_read r, cmd = { 0 }, event = { 0 };
	bool has_ok = false, ok = false;

	*h = (struct head){ .kind = REPLY_BAD };
	json_read_init(&r, text, n);
	if (json_read_next(&r) != JSON_OBJECT)
		return false;
	while (json_read_next(&r) == JSON_KEY) {
		struct json_read key = r;

		json_read_next(&r);
		if (json_read_is(&key, "ok")) {
			has_ok = true;
			ok = r.last == JSON_TRUE;
		} else if (json_read_is(&key, "event")) {
			event = r;
		} else if (json_read_is(&key, "cmd")) {
			cmd = r;
		} else if (json_read_is(&key, "ns")) {
			h->ns = r;
		} else if (json_read_is(&key, "error")) {
			h->error = r;
		}
		if (!json_read_skip(&r))
			return false;
	}
	if (r.last != JSON_OBJECT_END || json_read_next(&r) != JSON_END)
		return false;
	if (has_ok)
		h->kind = ok ? REPLY_OK : REPLY_FAILED;
	else if (event.text)
		h->kind = REPLY_EVENT;
	h->name = h->kind == REPLY_EVENT ? event : cmd;
	return h->kind != REPLY_BAD;
}

void reply_classify(const char *line, size_t n, struct reply *r)
{
	struct head h;

	read_head(line, n, &h);
	r->kind = h.kind;
	r->name[0] = 0;
	if (h.name.last == JSON_STRING)
		json_read_string(&h.name, r->name, sizeof(r->name));
}

/* Is the member part of the first line's head? */
static bool is_in_head(const struct json_read *value, const struct head *h)
{
	return value->text == h->name.text || value->text == h->ns.text ||
	       value->text == h->error.text;
}

static bool is_scalar(const struct json_read *value)
{
	return value->last >= JSON_STRING;
}

static bool is_field(const struct json_read *key, const struct json_read *value,
		     const struct head *h)
{
	return is_scalar(value) && !is_in_head(value, h) &&
	       !json_read_is(key, "ok");
}

static void put_field(struct line *l, const struct json_read *key,
		      const struct json_read *value)
{
	size_t need = render_key(NULL, key) + 1 +
		      render_value(NULL, value, VALUE_QUOTED);

	if (l->width && l->column + 1 + need > l->width &&
	    l->column > (size_t)2 * STEP) {
		fputc('\n', l->out);
		render_blanks(l->out, (size_t)2 * STEP);
		l->column = (size_t)2 * STEP;
	} else {
		render_blanks(l->out, l->fields ? 1 : 2);
		l->column += l->fields ? 1 : 2;
	}
	l->fields = true;
	render_key(l->out, key);
	fputc('=', l->out);
	render_value(l->out, value, VALUE_QUOTED);
	l->column += need;
}

static void put_text(struct line *l, const char *s)
{
	fputs(s, l->out);
	l->column += strlen(s);
}

static void put_value(struct line *l, const struct json_read *value)
{
	l->column += render_value(l->out, value, VALUE_BARE);
}

/* Print "error (kind, errno): message". */
static void put_reply_error(struct line *l, const struct head *h)
{
	struct json_read kind = { 0 }, name = { 0 }, message = { 0 };
	struct json_read r = h->error;

	if (r.last == JSON_OBJECT) {
		while (json_read_next(&r) == JSON_KEY) {
			struct json_read key = r;

			json_read_next(&r);
			if (json_read_is(&key, "kind"))
				kind = r;
			else if (json_read_is(&key, "errno"))
				name = r;
			else if (json_read_is(&key, "message"))
				message = r;
			json_read_skip(&r);
		}
	} else {
		message = r;
	}
	if (name.last != JSON_STRING)
		name.len = 0;
	put_text(l, "error");
	if (kind.len || name.len)
		put_text(l, " (");
	if (kind.len)
		put_value(l, &kind);
	if (kind.len && name.len)
		put_text(l, ", ");
	if (name.len)
		put_value(l, &name);
	put_text(l, kind.len || name.len ? "): " : ": ");
	if (message.len)
		put_value(l, &message);
	else
		put_text(l, "(no message)");
}

static void put_reply_head(struct line *l, const struct head *h)
{
	if (h->kind == REPLY_FAILED) {
		put_reply_error(l, h);
	} else {
		put_text(l, h->kind == REPLY_OK ? "ok" : "*");
		if (h->name.len) {
			put_text(l, " ");
			put_value(l, &h->name);
		}
	}
	if (h->ns.len) {
		put_text(l, "  ");
		put_value(l, &h->ns);
		put_text(l, " ns");
	}
}

void reply_print(FILE *out, const char *line, size_t n)
{
	if (utf8_harmless(line, n))
		fwrite(line, 1, n, out);
	else
		render_raw(out, line, line + n);
	fputc('\n', out);
}

void reply_render(FILE *out, const char *line, size_t n, size_t width)
{
	struct line l = { .out = out, .width = width };
	struct json_read r;
	struct head h;

	if (!read_head(line, n, &h)) {
		render_raw(out, line, line + n);
		fputc('\n', out);
		return;
	}
	put_reply_head(&l, &h);
	json_read_init(&r, line, n);
	json_read_next(&r);
	while (json_read_next(&r) == JSON_KEY) {
		struct json_read key = r;

		json_read_next(&r);
		if (is_field(&key, &r, &h))
			put_field(&l, &key, &r);
		json_read_skip(&r);
	}
	fputc('\n', out);
	json_read_init(&r, line, n);
	json_read_next(&r);
	while (json_read_next(&r) == JSON_KEY) {
		struct json_read key = r;

		json_read_next(&r);
		if (!is_in_head(&r, &h) && !is_scalar(&r))
			render_member(out, &key, &r, STEP, width);
		json_read_skip(&r);
	}
}
