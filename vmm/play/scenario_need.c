// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_path.h"
#include "base/num.h"
#include "play/scenario_need.h"
#include "probe/probe_row.h"

static bool is_row(const char *name)
{
	const struct probe_group *g;

	for (unsigned int i = 0; (g = probe_group(i)); i++)
		for (unsigned int k = 0; k < g->nr; k++)
			if (!strcmp(g->defs[k].name, name))
				return true;
	return false;
}

/* Parse the first two numbers of "6", "6.18" or "6.18.3-foo"; with @all, nothing may
 * follow. */
static bool parse_version(const char *s, unsigned int v[2], bool all)
{
	char *end;

	v[1] = 0;
	if (*s < '0' || *s > '9')
		return false;
	v[0] = (unsigned int)strtoul(s, &end, 10);
	if (*end == '.') {
		s = end + 1;
		if (*s < '0' || *s > '9')
			return false;
		v[1] = (unsigned int)strtoul(s, &end, 10);
	}
	return !all || !*end;
}

/* kernel>=6.18, cpus>=2 */
static int parse_compared(const char *word, const char *op, struct need *n,
			  struct err *e)
{
	size_t name = (size_t)(op - word);
	size_t len = strspn(op, "<>=!");
	char text[4] = "";
	uint64_t cpus;

	if (len < sizeof(text))
		memcpy(text, op, len);
	if (field_parse_op(text, &n->op, NULL))
		return err_usage(e,
				 "need: \"%.64s\": expected one of = != < <= "
				 "> >= after \"%.*s\"",
				 word, (int)name, word);
	if (name == 6 && !memcmp(word, "kernel", name)) {
		n->what = NEED_KERNEL;
		if (parse_version(op + len, n->version, true))
			return 0;
		return err_usage(e,
				 "need: \"%.64s\": expected a version like "
				 "6.18 after kernel%s",
				 word, text);
	}
	if (name != 4 || memcmp(word, "cpus", name) != 0)
		return err_usage(e,
				 "need: \"%.64s\": expected kernel or cpus "
				 "before %s",
				 word, text);
	n->what = NEED_CPUS;
	if (num_parse_range(op + len, "cpus", 0, 1000000, &cpus, NULL))
		return err_usage(e,
				 "need: \"%.64s\": expected a number after "
				 "cpus%s",
				 word, text);
	n->version[0] = (unsigned int)cpus;
	return 0;
}

int need_parse(const char *word, struct need *n, struct err *e)
{
	const char *op = strpbrk(word, "<>=!");
	const char *row = word;

	*n = (struct need){ .what = NEED_ROW };
	if (op)
		return parse_compared(word, op, n, e);
	if (!strncmp(word, "not:", 4)) {
		n->what = NEED_NOT;
		row += 4;
	}
	snprintf(n->row, sizeof(n->row), "%s", row);
	if (is_row(row))
		return 0;
	return err_usage(e,
			 "need: gpcvm probe has no row \"%.64s\": expected "
			 "ROW, not:ROW, kernel>=X.Y or cpus>=N",
			 row);
}

static bool row_holds(const struct need *n, const struct need_host *h,
		      char why[static 400])
{
	const struct probe_row *r = probe_find(h->probe, n->row);
	bool yes = r && r->state == PROBE_YES;

	if (yes == (n->what == NEED_ROW))
		return true;
	if (yes)
		snprintf(why, 400, "has %s: %s", n->row, r->value);
	else if (!r)
		snprintf(why, 400, "%s: not probed", n->row);
	else
		snprintf(why, 400, "no %s: %s%s%s", n->row, r->value,
			 *r->detail ? ": " : "", r->detail);
	return false;
}

bool need_holds(const struct need *n, const struct need_host *h,
		char why[static 400])
{
	unsigned int v[2] = { 0, 0 };

	switch (n->what) {
	case NEED_KERNEL:
		parse_version(h->release, v, false);
		snprintf(why, 400, "needs kernel %s %u.%u, got %s",
			 field_op_name(n->op), n->version[0], n->version[1],
			 h->release);
		return field_numbers_hold((long)v[0] * 100000 + v[1], n->op,
					  (long)n->version[0] * 100000 +
						  n->version[1]);
	case NEED_CPUS:
		snprintf(why, 400, "needs CPUs %s %u, got %u",
			 field_op_name(n->op), n->version[0], h->cpus);
		return field_numbers_hold(h->cpus, n->op, n->version[0]);
	default:
		return row_holds(n, h, why);
	}
}
