// SPDX-License-Identifier: GPL-2.0-only
/* gpcvm suite: the scenarios of folders, each in a process of its own, so that
 * one that crashes or hangs fails alone. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json_path.h"
#include "base/json_read.h"
#include "base/status.h"
#include "play/ktap.h"
#include "play/play.h"
#include "play/scenario_halt.h"

#define GRACE_S	  60 /* for a player to clean up once its time is over */
#define MAX_BYTES (64 << 20) /* of what one reports */

static const char usage[] =
	"Usage: gpcvm suite [OPTION]... DIR|FILE...\n"
	"Play scenarios, the *.scn of each DIR and of the folders in it, each in a\n"
	"process of its own, and say how they went (KTAP).\n"
	"\n"
	"  --json          JSON in place of KTAP: an object a line\n"
	"  --seed N        for the machines, as gpcvm run --seed N\n"
	"  --timeout S     how many seconds one scenario may take (120)\n"
	"  --control PATH  play over the control socket of a machine that runs: vm lines\n"
	"                  start nothing, and the machine goes on\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 all passed, but for those that were skipped; 1 one failed;\n"
	"2 wrong usage, or a scenario has a syntax error: nothing was played then;\n"
	"4 all were skipped.\n";

/* ---- the files ----------------------------------------------------------- */

struct paths {
	char **all; /* owned, each too */
	size_t nr, cap;
};

static bool add_path(struct paths *p, const char *path)
{
	size_t cap = p->cap ? 2 * p->cap : 64;
	char **more;

	if (p->nr == p->cap) {
		more = realloc(p->all, cap * sizeof(*more));
		if (!more)
			return false;
		p->all = more;
		p->cap = cap;
	}
	p->all[p->nr] = strdup(path);
	return p->all[p->nr] && ++p->nr;
}

static void free_paths(struct paths *p)
{
	for (size_t i = 0; i < p->nr; i++)
		free(p->all[i]);
	free(p->all);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_scenario(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && !strcmp(path + n - 4, ".scn");
}

/* Every scenario below @dir. -1 and a message. */
static int walk(const char *dir, struct paths *found)
{
	char *const roots[] = { (char *)dir, NULL };
	FTS *fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	const FTSENT *f;
	int r = 0;

	if (!fts) {
		warn("suite: %s: %s", dir, strerrordesc_np(errno));
		return -1;
	}
	while (!r && (f = fts_read(fts))) {
		if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR) {
			warn("suite: %s: %s", f->fts_path,
			     strerrordesc_np(f->fts_errno));
			r = -1;
		} else if (is_scenario(f->fts_path) && f->fts_info != FTS_D &&
			   f->fts_info != FTS_DP &&
			   !add_path(found, f->fts_path)) {
			warn("suite: out of memory");
			r = -1;
		}
	}
	if (!r && errno) {
		warn("suite: reading %s: %s", dir, strerrordesc_np(errno));
		r = -1;
	}
	fts_close(fts);
	return r;
}

/* What is named relative to the DIR that it is from. */
static void add_dir(struct play_list *l, const struct scenario_source *from)
{
	const char *dir = from->path;
	struct scenario_source one = *from;
	struct paths found = { 0 };
	size_t skip = strlen(dir);
	char name[PATH_MAX];

	if (walk(dir, &found))
		l->wrong = true;
	if (found.nr)
		qsort(found.all, found.nr, sizeof(*found.all), by_text);
	else if (!l->wrong) {
		warn("suite: %s has no *.scn in it", dir);
		l->wrong = true;
	}
	for (size_t i = 0; i < found.nr; i++) {
		const char *below = found.all[i] + skip;

		one.path = found.all[i];
		one.name = play_name(below + strspn(below, "/"), name,
				     sizeof(name));
		play_add(l, &one);
	}
	free_paths(&found);
}

/* @from: its name is yet to be found. */
static void add_path_or_dir(struct play_list *l, struct scenario_source from)
{
	const char *path = from.path;
	const char *slash = strrchr(path, '/');
	char name[PATH_MAX];
	struct stat st;

	if (!stat(path, &st) && S_ISDIR(st.st_mode)) {
		add_dir(l, &from);
		return;
	}
	from.name = play_name(slash ? slash + 1 : path, name, sizeof(name));
	play_add(l, &from);
}

/* ---- one, in its own process --------------------------------------------- */

/* What comes over the pipe: the notes, then the outcome as JSON, which is the
 * one line that does not start with "#". */
static _Noreturn void be_player(const struct scenario *s,
				const struct play_options *o, pid_t parent,
				int fd)
{
	FILE *to = fdopen(fd, "w");
	const char *failed = to ? NULL : "fdopen";
	struct outcome out;
	struct json j;

	/* Not SIGKILL: it has a machine and a folder to take away. Ctrl-C is
	 * for the suite alone, which passes it on: a second signal means that
	 * the machine is not waited for. */
	if (!failed && prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0))
		failed = "prctl of PR_SET_PDEATHSIG";
	if (!failed && setpgid(0, 0))
		failed = "setpgid";
	if (failed) {
		warn("suite: %s: %s", failed, strerrordesc_np(errno));
		_exit(STATUS_FAILED);
	}
	if (getppid() != parent)
		_exit(STATUS_FAILED);
	scenario_play(s, o, &out);
	if (out.notes)
		fputs(out.notes, to);
	json_init(&j);
	outcome_json(&out, s->name, &j);
	if (json_text(&j))
		fprintf(to, "%s\n", j.buf);
	else
		warn("suite: %s: out of memory for the result", s->name);
	json_free(&j);
	outcome_free(&out);
	_exit(fclose(to) ? STATUS_FAILED : STATUS_OK);
}

struct player_process {
	pid_t pid;
	int fd;
	char *text; /* owned: what it reported */
	size_t len, cap;
	char why[96]; /* it was ended, or has no result; "": neither */
	bool interrupted;
};

static int start_player(struct player_process *pp, const struct scenario *s,
			const struct play_options *o, struct err *e)
{
	pid_t parent = getpid();
	int fds[2];

	*pp = (struct player_process){ .fd = -1 };
	if (pipe2(fds, O_CLOEXEC))
		return err_os(e, errno, "pipe");
	fflush(NULL);
	pp->pid = fork();
	if (!pp->pid) {
		close(fds[0]);
		be_player(s, o, parent, fds[1]);
	}
	close(fds[1]);
	pp->fd = fds[0];
	return pp->pid < 0 ? err_os(e, errno, "fork") : 0;
}

/* False at the end. */
static bool take_output(struct player_process *pp)
{
	size_t cap = pp->cap ? 2 * pp->cap : 16384;
	ssize_t n;
	char *more;

	if (pp->len + 1 >= pp->cap) {
		more = cap <= MAX_BYTES ? realloc(pp->text, cap) : NULL;
		if (!more) {
			strcpy(pp->why,
			       cap <= MAX_BYTES
				       ? "out of memory for its report"
				       : "it reports more than 64 MiB");
			return false;
		}
		pp->text = more;
		pp->cap = cap;
	}
	n = read(pp->fd, pp->text + pp->len, pp->cap - 1 - pp->len);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0) {
		snprintf(pp->why, sizeof(pp->why), "reading its report: %s",
			 strerrordesc_np(errno));
		return false;
	}
	pp->len += (size_t)n;
	pp->text[pp->len] = 0;
	return n > 0;
}

/* Take in what it reports, until it ends or its time is over. */
static void follow(struct player_process *pp, struct halt *h)
{
	for (;;) {
		int r = halt_poll(h, pp->fd, -1);

		if (!r) {
			if (!take_output(pp))
				return;
			continue;
		}
		if (!halt_signal(h)) {
			strcpy(pp->why,
			       "the player hung: it did not end by itself");
			kill(pp->pid, SIGKILL);
			return;
		}
		/* It cleans up, and reports; the time goes on. */
		strcpy(pp->why, "interrupted");
		pp->interrupted = true;
		kill(pp->pid, SIGTERM);
	}
}

static bool take_string(void *arg, const struct json_read *value)
{
	if (value->last == JSON_STRING)
		json_read_string(value, arg,
				 sizeof(((struct outcome *)0)->why));
	return false;
}

static bool take_number(void *arg, const struct json_read *value)
{
	if (value->last == JSON_NUMBER)
		*(uint64_t *)arg = strtoull(value->text, NULL, 10);
	return false;
}

static bool take_verdict(void *arg, const struct json_read *value)
{
	char text[64];

	json_read_string(value, text, sizeof(text));
	json_str(arg, NULL, text);
	return true;
}

/* The outcome that it reported; false where there is none. */
static bool read_outcome(struct player_process *pp, struct outcome *out)
{
	char *line = pp->text, result[sizeof(out->why)] = "";
	uint64_t number = 0, ms = 0;
	size_t n;

	while (line && *line == '#') {
		line = strchr(line, '\n');
		line += line ? 1 : 0;
	}
	if (!line || *line != '{')
		return false;
	n = strcspn(line, "\n");
	if (!line[n]) /* cut */
		return false;
	field_each(line, n, "result", take_string, result);
	field_each(line, n, "why", take_string, out->why);
	field_each(line, n, "line", take_number, &number);
	field_each(line, n, "ms", take_number, &ms);
	field_each(line, n, "verdicts.*", take_verdict, &out->verdicts);
	if (out->verdicts.failed) {
		strcpy(pp->why, "out of memory for its verdicts");
		return false;
	}
	for (int r = RESULT_PASS; r <= RESULT_SKIP; r++)
		if (!strcmp(result, result_name((enum result)r)))
			out->result = (enum result)r;
	out->line = (unsigned int)number;
	out->ns = ms * 1000000;
	*line = 0;
	out->notes = pp->text;
	pp->text = NULL;
	return true;
}

static void tell_crash(const struct player_process *pp, int st,
		       struct outcome *out)
{
	if (pp->why[0])
		snprintf(out->why, sizeof(out->why), "%s", pp->why);
	else if (WIFSIGNALED(st))
		snprintf(out->why, sizeof(out->why), "the player died of SIG%s",
			 sigabbrev_np(WTERMSIG(st)) ?: "?");
	else
		snprintf(out->why, sizeof(out->why),
			 "the player ended with status %d and no result",
			 WEXITSTATUS(st));
}

static void play_one(const struct scenario *s, const struct play_options *o,
		     struct outcome *out)
{
	struct player_process pp = { .fd = -1 };
	struct halt h;
	struct err e;
	int st = 0;

	*out = (struct outcome){ .result = RESULT_FAIL };
	json_init(&out->verdicts);
	if (halt_open(&h, o->limit_s + GRACE_S, &e)) {
		snprintf(out->why, sizeof(out->why), "%s", e.msg);
		return;
	}
	if (start_player(&pp, s, o, &e)) {
		snprintf(out->why, sizeof(out->why), "%s", e.msg);
	} else {
		follow(&pp, &h);
		close(pp.fd); /* no write to it may keep the player */
		pp.fd = -1;
		while (waitpid(pp.pid, &st, 0) < 0 && errno == EINTR)
			;
		if (!read_outcome(&pp, out))
			tell_crash(&pp, st, out);
		out->interrupted = pp.interrupted && !WIFSIGNALED(st);
	}
	if (pp.fd >= 0)
		close(pp.fd);
	free(pp.text);
	halt_close(&h);
}

int suite_main(int argc, char **argv, const struct command_table *commands)
{
	struct play_list l = { 0 };
	struct play_options o;
	int status = play_parse(argc, argv, "suite", usage, &o);

	if (status >= 0)
		return status;
	for (int i = optind; i < argc; i++)
		add_path_or_dir(&l,
				(struct scenario_source){
					.path = argv[i],
					.machine = o.control ? MACHINE_RUNNING
							     : MACHINE_OF_FILE,
					.commands = commands });
	if (l.wrong)
		status = STATUS_USAGE;
	else if (play_list_unique(&l))
		status = STATUS_FAILED;
	else
		status = play_list_run(&l, &o, play_one, true);
	play_list_free(&l);
	return status;
}
