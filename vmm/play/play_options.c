// SPDX-License-Identifier: GPL-2.0-only
/* What gpcvm play and gpcvm suite have in common. */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/status.h"
#include "play/play.h"

#define MAX_LIMIT_S 86400
#define SUFFIX	    ".scn"

#ifndef GPCVM_VERSION
#define GPCVM_VERSION "unknown"
#endif

static int set_option(struct play_options *o, int opt, const char *arg,
		      struct err *e)
{
	uint64_t n;

	switch (opt) {
	case 'j':
		o->json = true;
		return 0;
	case 'c':
		o->control = arg;
		return *arg ? 0
			    : err_usage(e, "--control \"\" names no socket");
	case 's':
		if (num_parse(arg, "--seed", &n, e))
			return -1;
		o->has_seed = true;
		snprintf(o->seed, sizeof(o->seed), "%" PRIu64, n);
		return 0;
	default:
		if (num_parse_range(arg, "--timeout", 1, MAX_LIMIT_S, &n, e))
			return -1;
		o->limit_s = (unsigned int)n;
		return 0;
	}
}

static int refuse(const char *what, const char *why)
{
	warn("%s: %s (see gpcvm %s --help)", what, why, what);
	return STATUS_USAGE;
}

static int wrong_option(char **argv, const char *what, int opt)
{
	char why[200];

	snprintf(why, sizeof(why), "%.120s %s", argv[optind - 1],
		 opt == ':' ? "needs a value"
			    : "is no option, or takes no value");
	return refuse(what, why);
}

int play_parse(int argc, char **argv, const char *what, const char *usage,
	       struct play_options *o)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "seed", required_argument, NULL, 's' },
		{ "timeout", required_argument, NULL, 't' },
		{ "control", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct err e;
	int opt;

	*o = (struct play_options){ .limit_s = PLAY_LIMIT_S };
	optind = 0; /* it may have been used before (getopt(3)) */
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (opt == 'h') {
			fputs(usage, stdout);
			return STATUS_OK;
		}
		if (opt == 'V') {
			puts("gpcvm " GPCVM_VERSION);
			return STATUS_OK;
		}
		if (opt == ':' || opt == '?')
			return wrong_option(argv, what, opt);
		if (set_option(o, opt, optarg, &e))
			return refuse(what, e.msg);
	}
	return optind < argc ? -1 : refuse(what, "no file is named");
}

/* ---- the files ----------------------------------------------------------- */

static void tell(const char *path, const struct scenario_error *e)
{
	if (e->line)
		fprintf(stderr, "gpcvm: %s:%u:%u: %s\n", path, e->line,
			e->column, e->msg);
	else
		fprintf(stderr, "gpcvm: %s: %s\n", path, e->msg);
}

void play_add(struct play_list *l, const struct scenario_source *from)
{
	unsigned int cap = l->cap ? 2 * l->cap : 16;
	struct scenario_error e;
	struct scenario *more;

	if (l->nr == l->cap) {
		more = realloc(l->all, cap * sizeof(*more));
		if (!more) {
			warn("%s: out of memory", from->path);
			l->wrong = true;
			return;
		}
		l->all = more;
		l->cap = cap;
	}
	if (!scenario_load(&l->all[l->nr], from, &e)) {
		l->nr++;
		return;
	}
	tell(from->path, &e);
	l->wrong = true;
}

static bool is_taken(const struct play_list *l, unsigned int nr,
		     const char *name, const struct scenario *but)
{
	for (unsigned int i = 0; i < nr; i++)
		if (&l->all[i] != but && !strcmp(l->all[i].name, name))
			return true;
	return false;
}

static bool rename_scenario(struct scenario *s, const char *name)
{
	char *copy = strdup(name);

	if (!copy) {
		warn("out of memory");
		return false;
	}
	free(s->name);
	s->name = copy;
	return true;
}

int play_list_unique(struct play_list *l)
{
	char name[PATH_MAX + 16], path[PATH_MAX];
	struct scenario *s;

	for (unsigned int i = 0; i < l->nr; i++)
		l->all[i].same = is_taken(l, l->nr, l->all[i].name, &l->all[i]);
	for (unsigned int i = 0; i < l->nr; i++) {
		s = &l->all[i];
		if (!s->same)
			continue;
		play_name(s->path, path, sizeof(path));
		snprintf(name, sizeof(name), "%s", path);
		for (unsigned int n = 2; is_taken(l, i, name, s); n++)
			snprintf(name, sizeof(name), "%s (%u)", path, n);
		if (!rename_scenario(s, name))
			return -1;
	}
	return 0;
}

void play_list_free(struct play_list *l)
{
	for (unsigned int i = 0; i < l->nr; i++)
		scenario_free(&l->all[i]);
	free(l->all);
}

const char *play_name(const char *path, char *buf, size_t size)
{
	size_t n = strlen(path), cut = strlen(SUFFIX);

	if (n > cut && !strcmp(path + n - cut, SUFFIX))
		n -= cut;
	snprintf(buf, size, "%.*s", (int)n, path);
	return buf;
}
