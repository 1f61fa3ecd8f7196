// SPDX-License-Identifier: GPL-2.0-only
/* for SECONDS|count N [seed N] WORKER [+ WORKER | & WORKER]...
 * WORKER: [xN] [any] OP ARG... [, OP ARG...]... */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "storm/storm.h"

struct words {
	char *const *at;
	int nr;
};

static const char *next_word(struct words *w)
{
	if (!w->nr)
		return NULL;
	w->nr--;
	return *w->at++;
}

static bool next_is(const struct words *w, const char *word)
{
	return w->nr && !strcmp(*w->at, word);
}

/* ---- how long ----------------------------------------------------------- */

/* Parse seconds with up to three decimals. */
static int parse_seconds(const char *word, uint64_t *ns, struct err *e)
{
	const char *dot = strchr(word, '.');
	char whole[24] = "", part[4] = "000";
	uint64_t s, ms = 0;

	if (!dot) {
		snprintf(whole, sizeof(whole), "%s", word);
	} else {
		size_t n = strlen(dot + 1);

		if (!n || n > 3 || strspn(dot + 1, "0123456789") != n)
			return err_usage(
				e,
				"for: expected seconds with at most three "
				"decimals, got '%.32s'",
				word);
		memcpy(part, dot + 1, n);
		snprintf(whole, sizeof(whole), "%.*s", (int)(dot - word), word);
		ms = strtoul(part, NULL, 10);
	}
	if (num_parse_range(whole, "for: the seconds", 0, STORM_SECONDS, &s, e))
		return -1;
	*ns = s * NS_PER_SEC + ms * NS_PER_MS;
	if (!*ns || *ns > STORM_SECONDS * NS_PER_SEC)
		return err_range(e,
				 "for: expected 0.001 to %" PRIu64
				 " seconds, got %.32s",
				 STORM_SECONDS, word);
	return 0;
}

static int parse_length(struct storm *s, struct words *w, struct err *e)
{
	const char *how = next_word(w), *much = next_word(w), *seed;

	if (!how || (strcmp(how, "for") != 0 && strcmp(how, "count") != 0))
		return err_usage(
			e,
			"storm %.32s: expected for SECONDS or count N, "
			"followed by workers; or stop, or help",
			how ?: "");
	if (!much)
		return err_usage(e, "missing argument: storm %s %s", how,
				 *how == 'f' ? "SECONDS" : "N");
	if (*how == 'f' ? parse_seconds(much, &s->for_ns, e)
			: num_parse_range(much, "count: the rounds", 1,
					  UINT64_MAX, &s->count, e))
		return -1;
	if (!next_is(w, "seed"))
		return 0;
	next_word(w);
	seed = next_word(w);
	if (!seed)
		return err_usage(e, "missing argument: seed N");
	return num_parse(seed, "the seed", &s->seed, e);
}

/* ---- an operation ------------------------------------------------------- */

static const struct storm_op *find_op(const char *name)
{
	for (unsigned int i = 0; i < storm_ops_nr; i++)
		if (!strcmp(storm_ops[i].name, name))
			return &storm_ops[i];
	return NULL;
}

static void join_words(char *buf, size_t size, char *const *words, int nr)
{
	size_t len = 0;

	for (int i = 0; i < nr && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s",
					i ? " " : "", words[i]);
}

/* Parse the words of one operation, without the comma. */
static int parse_op(struct storm *s, char *const *words, int nr, struct err *e)
{
	struct storm_step *st = &s->steps[s->nr_steps];
	struct err why = { .kind = ERR_NONE };

	if (!nr)
		return err_usage(e, "no operation after '%s'",
				 s->workers[s->nr_workers].nr_steps
					 ? ","
					 : "x, any, + or &");
	st->op = find_op(words[0]);
	if (!st->op)
		return err_usage(
			e,
			"unknown storm operation '%.32s': 'storm help' lists "
			"all",
			words[0]);
	join_words(st->text, sizeof(st->text), words, nr);

	/* Before parse(): storm_free() frees what it allocates. */
	s->nr_steps++;
	if (!arg_count(st->op->name, st->op->args, words + 1, nr - 1,
		       (int)st->op->min, (int)st->op->max, &why) &&
	    !st->op->parse(s, st, words + 1, nr - 1, &why))
		return 0;
	err_set(e, why.kind, 0, "'%s': %s", st->text, why.msg);
	e->os_errno = why.os_errno;
	return -1;
}

/* ---- a worker ----------------------------------------------------------- */

static bool ends_worker(const struct words *w)
{
	return !w->nr || next_is(w, "+") || next_is(w, "&");
}

/* Strip a comma from the end of @word; return true if there was one. */
static bool take_comma(char *word)
{
	size_t n = strlen(word);

	if (!n || word[n - 1] != ',')
		return false;
	word[n - 1] = '\0';
	return true;
}

static int parse_steps(struct storm *s, struct words *w, struct err *e)
{
	struct storm_worker *k = &s->workers[s->nr_workers];
	bool comma;

	k->step = s->nr_steps;
	do {
		char *words[LINE_MAX_WORDS];
		int n = 0;

		for (comma = false; !comma && !ends_worker(w); next_word(w)) {
			comma = take_comma(*w->at);
			if (**w->at)
				words[n++] = *w->at;
		}
		if (s->nr_steps == STORM_STEPS)
			return err_range(e, "more than %d operations",
					 STORM_STEPS);
		if (parse_op(s, words, n, e))
			return -1;
		k->nr_steps++;
	} while (comma);
	return 0;
}

static int parse_threads(struct storm *s, struct words *w, struct err *e)
{
	struct storm_worker *k = &s->workers[s->nr_workers];
	uint64_t n = 1;

	/* No operation's name starts with an x and a digit. */
	if (w->nr && w->at[0][0] == 'x' && w->at[0][1] >= '0' &&
	    w->at[0][1] <= '9' &&
	    num_parse_range(next_word(w) + 1, "x: the threads", 1,
			    STORM_THREADS, &n, e))
		return -1;
	if (s->nr_threads + n > STORM_THREADS)
		return err_range(e,
				 "%" PRIu64
				 " threads: at most %d are supported",
				 s->nr_threads + n, STORM_THREADS);
	k->thread = s->nr_threads;
	k->threads = (unsigned int)n;
	s->nr_threads += k->threads;
	return 0;
}

static int parse_worker(struct storm *s, struct words *w, bool joined,
			struct err *e)
{
	struct storm_worker *k = &s->workers[s->nr_workers];

	k->joined = joined;
	k->group = -1;
	if (parse_threads(s, w, e))
		return -1;
	k->any = next_is(w, "any");
	if (k->any)
		next_word(w);
	if (parse_steps(s, w, e))
		return -1;
	s->nr_workers++;
	return 0;
}

/* Put workers joined by & into one group. */
static void group_workers(struct storm *s)
{
	for (unsigned int i = 1; i < s->nr_workers; i++) {
		struct storm_worker *k = &s->workers[i];

		if (!k->joined)
			continue;
		if (k[-1].group < 0)
			k[-1].group = (int)s->nr_groups++;
		k->group = k[-1].group;
	}
}

int storm_parse(struct storm *s, char *const *words, int nr, struct err *e)
{
	struct words w = { words, nr };
	bool joined = false;

	if (parse_length(s, &w, e))
		return -1;
	if (!w.nr)
		return err_usage(
			e, "storm without workers: 'storm help' lists the "
			   "operations");
	do {
		if (s->nr_workers == STORM_WORKERS)
			return err_range(e, "more than %d workers",
					 STORM_WORKERS);
		if (parse_worker(s, &w, joined, e))
			return -1;
		joined = next_is(&w, "&");
	} while (next_word(&w));
	group_workers(s);
	return 0;
}

void storm_free(struct storm *s)
{
	for (unsigned int i = 0; i < s->nr_steps; i++)
		attrs_free(&s->steps[i].was);
	for (unsigned int i = 0; s->threads && i < s->nr_threads; i++) {
		free(s->threads[i].counts);
		json_free(&s->threads[i].json);
	}
	free(s->threads);
	free(s->barriers);
}
