// SPDX-License-Identifier: GPL-2.0-only
/* The scenarios that are played: from files and directories to their results. */
#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/status.h"
#include "play/ktap.h"
#include "play/play.h"
#include "play/cancel.h"

#define SUFFIX ".scn"

/* ---- reading ------------------------------------------------------------ */

static bool is_scenario(const char *path)
{
	size_t n = strlen(path), cut = strlen(SUFFIX);

	return n > cut && !strcmp(path + n - cut, SUFFIX);
}

/* Copy @path without ".scn" into @buf. */
static const char *scenario_name(const char *path, char buf[static PATH_MAX])
{
	size_t n = strlen(path);

	snprintf(buf, PATH_MAX, "%.*s",
		 (int)(is_scenario(path) ? n - strlen(SUFFIX) : n), path);
	return buf;
}

static void report_error(const char *path, const struct scenario_error *e)
{
	if (e->line)
		fprintf(stderr, "gpcvm: %s:%u:%u: %s\n", path, e->line,
			e->column, e->msg);
	else
		fprintf(stderr, "gpcvm: %s: %s\n", path, e->msg);
}

/* @visible: the part of from->path that is in the name. */
static void add_file(struct play_list *l, const struct scenario_source *from,
		     const char *visible)
{
	unsigned int cap = l->cap ? 2 * l->cap : 16;
	struct scenario_source named = *from;
	struct scenario_error e;
	struct scenario *more;
	char name[PATH_MAX];

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
	named.name = scenario_name(visible, name);
	if (!scenario_load(&l->all[l->nr], &named, &e)) {
		l->nr++;
		return;
	}
	report_error(from->path, &e);
	l->wrong = true;
}

/* The order of the whole paths: a directory's name has a slash after it. */
static int compare_paths(const FTSENT **a, const FTSENT **b)
{
	const FTSENT *f[] = { *a, *b };
	char name[2][NAME_MAX + 2];

	for (int i = 0; i < 2; i++)
		snprintf(name[i], sizeof(name[i]), "%s%s", f[i]->fts_name,
			 f[i]->fts_info == FTS_D ? "/" : "");
	return strcmp(name[0], name[1]);
}

/* Returns how many scenarios there are in @f->fts_path. */
static unsigned int add_dir_entry(struct play_list *l,
				  const struct scenario_source *from,
				  const FTSENT *f, bool suite)
{
	struct scenario_source one = *from;
	const char *below = f->fts_path + strlen(from->path);

	switch (f->fts_info) {
	case FTS_DNR:
	case FTS_ERR:
		warn("%s: %s", f->fts_path, strerrordesc_np(f->fts_errno));
		l->wrong = true;
		return 0;
	case FTS_D:
	case FTS_DP:
		return 0;
	default:
		break;
	}
	if (!is_scenario(f->fts_path))
		return 0;
	one.path = f->fts_path;
	add_file(l, &one, suite ? below + strspn(below, "/") : one.path);
	return 1;
}

static void add_dir(struct play_list *l, const struct scenario_source *from,
		    bool suite)
{
	char *const roots[] = { (char *)from->path, NULL };
	FTS *fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, compare_paths);
	unsigned int found = 0;
	const FTSENT *f;

	errno = fts ? 0 : errno;
	while (fts && (f = fts_read(fts)))
		found += add_dir_entry(l, from, f, suite);
	if (errno) {
		warn("%s: %s", from->path, strerrordesc_np(errno));
		l->wrong = true;
	} else if (!found && !l->wrong) {
		warn("%s: no *" SUFFIX " in this directory", from->path);
		l->wrong = true;
	}
	if (fts)
		fts_close(fts);
}

void play_list_add(struct play_list *l, const struct scenario_source *from,
		   bool suite)
{
	const char *slash = strrchr(from->path, '/');
	struct stat st;

	if (!stat(from->path, &st) && S_ISDIR(st.st_mode))
		add_dir(l, from, suite);
	else
		add_file(l, from, suite && slash ? slash + 1 : from->path);
}

void play_list_free(struct play_list *l)
{
	for (unsigned int i = 0; i < l->nr; i++)
		scenario_free(&l->all[i]);
	free(l->all);
}

/* ---- playing ------------------------------------------------------------ */

static bool is_taken(const struct play_list *l, unsigned int nr,
		     const char *name, const struct scenario *but)
{
	for (unsigned int i = 0; i < nr; i++)
		if (&l->all[i] != but && !strcmp(l->all[i].name, name))
			return true;
	return false;
}

static int rename_scenario(struct scenario *s, const char *name)
{
	char *copy = strdup(name);

	if (!copy) {
		warn("out of memory");
		return -1;
	}
	free(s->name);
	s->name = copy;
	return 0;
}

/* Rename scenarios that have the same name to their paths, and then number them:
 * readers of KTAP tell tests apart by name. */
static int make_names_unique(struct play_list *l)
{
	char name[PATH_MAX + 16], path[PATH_MAX];
	struct scenario *s;

	for (unsigned int i = 0; i < l->nr; i++)
		l->all[i].same = is_taken(l, l->nr, l->all[i].name, &l->all[i]);
	for (unsigned int i = 0; i < l->nr; i++) {
		s = &l->all[i];
		if (!s->same)
			continue;
		scenario_name(s->path, path);
		snprintf(name, sizeof(name), "%s", path);
		for (unsigned int n = 2; is_taken(l, i, name, s); n++)
			snprintf(name, sizeof(name), "%s (%u)", path, n);
		if (rename_scenario(s, name))
			return -1;
	}
	return 0;
}

int play_list_run(struct play_list *l, const struct play_options *o)
{
	struct outcome out = { 0 };
	struct ktap k;

	if (l->wrong)
		return STATUS_USAGE;
	if (make_names_unique(l))
		return STATUS_FAILED;
	cancel_block_signals();
	signal(SIGPIPE, SIG_IGN);
	ktap_begin(&k, o->json, l->nr);
	/* Stop once the results cannot be written. */
	for (unsigned int i = 0;
	     i < l->nr && !out.interrupted && !k.write_errno; i++) {
		ktap_progress(&k, l->all[i].name);
		if (o->suite)
			play_process(&l->all[i], o, &out);
		else
			scenario_play(&l->all[i], o, &out);
		ktap_result(&k, l->all[i].name, &out);
		outcome_free(&out);
	}
	return ktap_end(&k, o->suite);
}
