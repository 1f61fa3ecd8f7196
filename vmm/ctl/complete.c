// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_path.h"
#include "ctl/complete.h"
#include "ctl/ctl_link.h"

static const char *const requests[NR_TABLES] = {
	[TABLE_COMMANDS] = "help",
	[TABLE_GUEST] = "guest 0 help",
	[TABLE_STORM] = "storm help",
	[TABLE_PAGES] = "gpc",
};

/* The table for a placeholder in the arguments of a command. */
static const struct {
	const char *name;
	enum complete_table table;
} placeholders[] = {
	{ "CMD", TABLE_COMMANDS }, { "OP", TABLE_GUEST },
	{ "WORKER", TABLE_STORM }, { "NAME", TABLE_PAGES },
	{ "GPA", TABLE_PAGES },
};

int complete_load(struct complete *c, const char *path, int halt)
{
	struct ctl_request q;
	struct ctl_link l;
	const char *line;
	size_t n;
	int ret = -1;

	if (link_open(&l, path, 0, NULL))
		return -1;
	for (size_t i = 0; i < NR_TABLES; i++) {
		request_line(requests[i], strlen(requests[i]), &q, NULL);
		if (link_send(&l, &q) || link_wait(&l, halt))
			goto out;
		line = link_line(&l, &n);
		free(c->reply[i]);
		c->reply[i] = strndup(line, n);
		if (!c->reply[i])
			goto out;
	}
	ret = 0;
out:
	link_close(&l);
	return ret;
}

void complete_free(struct complete *c)
{
	for (size_t i = 0; i < NR_TABLES; i++)
		free(c->reply[i]);
	*c = (struct complete){ 0 };
}

/* The words of a line up to the cursor; the last is being typed. */
struct typed {
	const struct complete *c;
	struct complete_words *w;
	const char *at[LINE_MAX_WORDS];
	size_t len[LINE_MAX_WORDS];
	size_t nr;
};

static bool is_name(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!islower((unsigned char)s[i]) &&
		    !isdigit((unsigned char)s[i]) && s[i] != '-' && s[i] != '_')
			return false;
	return n && n < COMPLETE_NAME;
}

/* Add @s if it starts with the typed word. */
static void offer(struct typed *t, const char *s, size_t n)
{
	struct complete_words *w = t->w;
	size_t same = 0;

	if (!is_name(s, n) || n < w->typed || w->nr == COMPLETE_MAX ||
	    memcmp(s, t->at[t->nr - 1], w->typed) != 0)
		return;
	for (size_t i = 0; i < w->nr; i++)
		if (strlen(w->word[i]) == n && memcmp(w->word[i], s, n) == 0)
			return;
	memcpy(w->word[w->nr], s, n);
	w->word[w->nr][n] = 0;
	while (same < n && s[same] == w->word[0][same])
		same++;
	if (!w->nr++ || same < w->common)
		w->common = same;
}

static bool offer_value(void *arg, const struct json_read *value)
{
	if (value->last == JSON_STRING)
		offer(arg, value->text, value->len);
	return true;
}

static void offer_table(struct typed *t, enum complete_table table)
{
	const char *reply = t->c->reply[table];

	if (reply)
		field_each_named(reply, strlen(reply), "name", offer_value, t);
}

/* The arguments of the row @name, which follow its name. */
struct row {
	const char *name;
	size_t len;
	bool found;
	char args[128];
};

static bool find_name(void *arg, const struct json_read *value)
{
	struct row *row = arg;
	struct json_read r = *value;

	if (value->len != row->len ||
	    memcmp(value->text, row->name, row->len) != 0)
		return true;
	row->found = json_read_next(&r) == JSON_KEY &&
		     json_read_is(&r, "args") &&
		     json_read_next(&r) == JSON_STRING;
	if (row->found)
		json_read_string(&r, row->args, sizeof(row->args));
	return !row->found;
}

/* Find the row of word @i. */
static bool find_operation(const struct typed *t, enum complete_table table,
			   size_t i, struct row *row)
{
	const char *reply = t->c->reply[table];

	*row = (struct row){ .name = t->at[i], .len = t->len[i] };
	if (reply)
		field_each_named(reply, strlen(reply), "name", find_name, row);
	return row->found;
}

/* An argument as help writes it: "private|shared", "[GPA]", "OP". */
static void offer_argument(struct typed *t, const char *s, size_t n)
{
	while (n) {
		size_t word = strspn(s, "[");
		size_t end;

		s += word < n ? word : n;
		n -= word < n ? word : n;
		end = strcspn(s, "|]. ");
		end = end < n ? end : n;
		offer(t, s, end);
		for (size_t i = 0;
		     i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
			if (strlen(placeholders[i].name) == end &&
			    memcmp(placeholders[i].name, s, end) == 0)
				offer_table(t, placeholders[i].table);
		end += strspn(s + end, "|].");
		s += end < n ? end : n;
		n -= end < n ? end : n;
	}
}

static void offer_row(struct typed *t, const struct row *row, size_t at,
		      bool operations);

/* If word @i is an operation of @table, complete its arguments. */
static bool offer_operation(struct typed *t, enum complete_table table,
			    size_t i)
{
	struct row row;

	if (i + 1 >= t->nr || !find_operation(t, table, i, &row))
		return false;
	offer_row(t, &row, i + 1, false);
	return true;
}

/* Complete an argument of @row, of which the first is word @at. An operation's
 * arguments are no @operations themselves. */
static void offer_row(struct typed *t, const struct row *row, size_t at,
		      bool operations)
{
	const char *s = row->args;
	bool storm = operations && strstr(s, "WORKER");
	bool here = false;

	for (; *s; at++) {
		size_t n = strcspn(s, " ");

		if (operations && n == 2 && memcmp(s, "OP", 2) == 0 &&
		    offer_operation(t, TABLE_GUEST, at))
			return;
		/* Where it is optional, the next one may be here as well. */
		here = here || at + 1 == t->nr;
		if (here || storm)
			offer_argument(t, s, n);
		if (here && !storm && *s != '[')
			break;
		s += n + strspn(s + n, " ");
	}
	/* A storm has any number of workers, each with its arguments. */
	for (size_t i = t->nr - 1; storm && i-- > 1;)
		if (offer_operation(t, TABLE_STORM, i))
			break;
}

void complete_line(const struct complete *c, const char *line, size_t n,
		   struct complete_words *w)
{
	struct typed t = { .c = c, .w = w };
	struct row row;
	size_t i = 0;

	w->nr = w->typed = w->common = 0;
	do {
		i += strspn(line + i, " ");
		i = i < n ? i : n;
		if (t.nr == LINE_MAX_WORDS)
			return;
		t.at[t.nr] = line + i;
		while (i < n && line[i] != ' ')
			i++;
		t.len[t.nr] = (size_t)(line + i - t.at[t.nr]);
		t.nr++;
	} while (i < n);
	w->typed = t.len[t.nr - 1];
	if (t.nr == 1)
		offer_table(&t, TABLE_COMMANDS);
	else if (find_operation(&t, TABLE_COMMANDS, 0, &row))
		offer_row(&t, &row, 1, true);
}
