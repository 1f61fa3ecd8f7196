// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "base/json_path.h"
#include "base/num.h"
#include "base/text.h"

static const char *const op_names[] = {
	[FIELD_EQ] = "=",  [FIELD_NE] = "!=", [FIELD_LT] = "<",
	[FIELD_LE] = "<=", [FIELD_GT] = ">",  [FIELD_GE] = ">=",
	[FIELD_HAS] = "~",
};

int field_parse_op(const char *s, enum field_op *op, struct err *e)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(op_names); i++)
		if (!strcmp(s, op_names[i])) {
			*op = (enum field_op)i;
			return 0;
		}
	return err_usage(e,
			 "expect: unknown operator \"%.32s\": expected = != < "
			 "<= > >= or ~",
			 s);
}

const char *field_op_name(enum field_op op)
{
	return op_names[op];
}

/* ---- the path ------------------------------------------------------------ */

int field_check_path(const char *path, struct err *e)
{
	size_t n = strlen(path);
	unsigned int parts = 1;

	for (size_t i = 0; i < n; i++)
		parts += path[i] == '.';
	if (n && path[0] != '.' && path[n - 1] != '.' && !strstr(path, "..") &&
	    parts <= JSON_MAX_DEPTH)
		return 0;
	return err_usage(e,
			 "expect: invalid field \"%.64s\": expected names "
			 "separated by dots, e.g. seen.version",
			 path);
}

/* The first part of a path. */
struct part {
	const char *text;
	size_t len;
	const char *rest; /* NULL: this is the last */
};

static struct part first_part(const char *path)
{
	size_t n = strcspn(path, ".");

	return (struct part){ path, n, path[n] ? path + n + 1 : NULL };
}

static bool part_is(const struct part *p, const char *s)
{
	return strlen(s) == p->len && !memcmp(p->text, s, p->len);
}

static bool part_is_number(const struct part *p, unsigned long n)
{
	char *end;

	return p->text[0] >= '0' && p->text[0] <= '9' &&
	       strtoul(p->text, &end, 10) == n && end == p->text + p->len;
}

/* Does the last key or string of @r equal the part? */
static bool token_is(const struct json_read *r, const struct part *p)
{
	char name[LINE_MAX_BYTES + 1];

	if (p->len >= sizeof(name))
		return false;
	memcpy(name, p->text, p->len);
	name[p->len] = 0;
	return json_read_is(r, name);
}

/* Does the element at @r (an object that was entered) have a member "name"
 * equal to the part? @r is a copy. */
static bool is_named(struct json_read r, const struct part *p)
{
	if (r.last != JSON_OBJECT)
		return false;
	while (json_read_next(&r) == JSON_KEY) {
		bool name = json_read_is(&r, "name");

		json_read_next(&r);
		if (name)
			return r.last == JSON_STRING && token_is(&r, p);
		if (!json_read_skip(&r))
			return false;
	}
	return false;
}

static enum field_found walk_value(const struct json_read *value,
				   const char *path, field_fn fn, void *arg);

static enum field_found walk_object(struct json_read r, const struct part *p,
				    field_fn fn, void *arg)
{
	while (json_read_next(&r) == JSON_KEY) {
		bool it = token_is(&r, p);

		json_read_next(&r);
		if (it)
			return walk_value(&r, p->rest, fn, arg);
		if (!json_read_skip(&r))
			break;
	}
	return FIELD_MISSING;
}

static enum field_found walk_array(struct json_read r, const struct part *p,
				   field_fn fn, void *arg)
{
	bool every = part_is(p, "*");
	enum field_found found = FIELD_MISSING;

	for (unsigned long i = 0; json_read_next(&r) != JSON_ARRAY_END; i++) {
		if (r.last == JSON_BAD || r.last == JSON_END)
			return FIELD_MISSING;
		if (every || part_is_number(p, i) || is_named(r, p)) {
			found = walk_value(&r, p->rest, fn, arg);
			if (!every || found != FIELD_ALL)
				return found;
		}
		if (!json_read_skip(&r))
			return FIELD_MISSING;
	}
	return found;
}

/* Walk @value, whose first token was read. */
static enum field_found walk_value(const struct json_read *value,
				   const char *path, field_fn fn, void *arg)
{
	struct part p;

	if (!path)
		return fn(arg, value) ? FIELD_ALL : FIELD_STOPPED;
	p = first_part(path);
	if (value->last == JSON_OBJECT)
		return walk_object(*value, &p, fn, arg);
	if (value->last == JSON_ARRAY)
		return walk_array(*value, &p, fn, arg);
	return FIELD_MISSING;
}

enum field_found field_each(const char *text, size_t n, const char *path,
			    field_fn fn, void *arg)
{
	struct json_read r;

	json_read_init(&r, text, n);
	json_read_next(&r);
	return walk_value(&r, path, fn, arg);
}

void field_each_named(const char *text, size_t n, const char *name, field_fn fn,
		      void *arg)
{
	struct json_read r;

	json_read_init(&r, text, n);
	while (json_read_next(&r) != JSON_END && r.last != JSON_BAD) {
		if (r.last != JSON_KEY || !json_read_is(&r, name))
			continue;
		json_read_next(&r);
		if (!fn(arg, &r))
			return;
	}
}

/* ---- comparing ----------------------------------------------------------- */

/* Parse @s as a number. A long double holds every 64-bit number. */
static bool want_number(const char *s, long double *v)
{
	uint64_t u;
	char *end;

	if (!num_parse(s, "", &u, NULL)) {
		*v = u;
		return true;
	}
	/* Parse what num_parse() rejects: signs and fractions. */
	if (!strpbrk(s, "0123456789") || s[strspn(s, "-.0123456789")])
		return false;
	*v = strtold(s, &end);
	return !*end;
}

static bool value_number(const struct json_read *r, long double *v)
{
	char text[64];
	uint64_t u;

	if (r->len >= sizeof(text))
		return false;
	memcpy(text, r->text, r->len);
	text[r->len] = 0;
	if (r->last == JSON_NUMBER) {
		*v = strtold(text, NULL);
		return true;
	}
	/* Other strings of digits are data, e.g. bytes: leading zeros
	 * matter. */
	if (r->last != JSON_STRING || strncmp(text, "0x", 2) != 0 ||
	    num_parse(text, "", &u, NULL))
		return false;
	*v = u;
	return true;
}

bool field_numbers_hold(long double a, enum field_op op, long double b)
{
	switch (op) {
	case FIELD_EQ:
		return a == b;
	case FIELD_NE:
		return a != b;
	case FIELD_LT:
		return a < b;
	case FIELD_LE:
		return a <= b;
	case FIELD_GT:
		return a > b;
	default:
		return a >= b;
	}
}

static enum field_holds texts_hold(const char *a, enum field_op op,
				   const char *b)
{
	switch (op) {
	case FIELD_EQ:
		return !strcmp(a, b) ? FIELD_YES : FIELD_NO;
	case FIELD_NE:
		return strcmp(a, b) ? FIELD_YES : FIELD_NO;
	case FIELD_HAS:
		return strstr(a, b) ? FIELD_YES : FIELD_NO;
	default:
		return FIELD_NO_NUMBER;
	}
}

enum field_holds field_compare(const struct json_read *value, enum field_op op,
			       const char *want)
{
	enum field_holds holds;
	long double a, b;
	char *text;

	if (value->last == JSON_OBJECT || value->last == JSON_ARRAY)
		return FIELD_NO_VALUE;
	if (op != FIELD_HAS && value_number(value, &a) && want_number(want, &b))
		return field_numbers_hold(a, op, b) ? FIELD_YES : FIELD_NO;
	text = malloc(3 * value->len + 1); /* U+FFFD takes three bytes */
	if (!text)
		return FIELD_NO_MEMORY;
	if (value->last == JSON_STRING) {
		json_read_string(value, text, 3 * value->len + 1);
	} else {
		memcpy(text, value->text, value->len);
		text[value->len] = 0;
	}
	holds = texts_hold(text, op, want);
	free(text);
	return holds;
}
