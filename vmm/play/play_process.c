// SPDX-License-Identifier: GPL-2.0-only
/* A scenario in a process of its own: one that crashes or hangs fails alone. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/status.h"
#include "play/play.h"
#include "play/cancel.h"

#define GRACE_S	  60	     /* for a player to clean up after its time-out */
#define MAX_BYTES (64 << 20) /* of a report */

/* What the player writes into the pipe: this, the verdicts, the notes. Both ends
 * are the same process image. */
struct player_report {
	struct outcome out; /* its pointers mean nothing to the reader */
	size_t notes_len;
};

/* ---- the player --------------------------------------------------------- */

static int send_report(FILE *to, const struct outcome *out)
{
	struct player_report r = { .out = *out };

	r.notes_len = out->notes ? strlen(out->notes) : 0;
	fwrite(&r, sizeof(r), 1, to);
	if (out->verdicts.len)
		fwrite(out->verdicts.buf, 1, out->verdicts.len, to);
	if (r.notes_len)
		fwrite(out->notes, 1, r.notes_len, to);
	return fclose(to);
}

static _Noreturn void run_player(const struct scenario *s,
				 const struct play_options *o, pid_t parent,
				 int fd)
{
	FILE *to = fdopen(fd, "w");
	const char *failed = to ? NULL : "fdopen";
	struct outcome out;

	/* SIGTERM, not SIGKILL: the player has a machine and a directory to
	 * remove. In its own process group it does not see Ctrl-C: the parent
	 * passes that on once, and a second signal means not to wait for the
	 * machine. */
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
	_exit(send_report(to, &out) ? STATUS_FAILED : STATUS_OK);
}

/* ---- its parent --------------------------------------------------------- */

struct player_process {
	pid_t pid;
	int fd;	    /* the read end of the pipe */
	FILE *to;   /* collects what was read, into text */
	char *text; /* owned */
	size_t len; /* of text, once @to is closed */
	bool interrupted;
	char why[96]; /* why there is no report; "": see its status */
};

static int start_player(struct player_process *pp, const struct scenario *s,
			const struct play_options *o, struct err *e)
{
	pid_t parent = getpid();
	int fds[2];

	pp->to = open_memstream(&pp->text, &pp->len);
	if (!pp->to)
		return err_os(e, errno, "memory for the player's report");
	if (pipe2(fds, O_CLOEXEC))
		return err_os(e, errno, "pipe");
	fflush(NULL);
	pp->pid = fork();
	if (!pp->pid) {
		close(fds[0]);
		run_player(s, o, parent, fds[1]);
	}
	close(fds[1]);
	pp->fd = fds[0];
	return pp->pid < 0 ? err_os(e, errno, "fork") : 0;
}

/* Returns false at the end of the report. */
static bool read_report(struct player_process *pp)
{
	char buf[16384];
	ssize_t n = read(pp->fd, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0)
		snprintf(pp->why, sizeof(pp->why), "reading its report: %s",
			 strerrordesc_np(errno));
	if (n <= 0)
		return false;
	if (fwrite(buf, 1, (size_t)n, pp->to) != (size_t)n)
		strcpy(pp->why, "out of memory for its report");
	else if (ftell(pp->to) > MAX_BYTES)
		strcpy(pp->why, "it reports more than 64 MiB");
	else
		return true;
	return false;
}

/* Read the report until the player ends or its time is over. */
static void follow_player(struct player_process *pp, struct cancel *c)
{
	for (;;) {
		if (!cancel_poll(c, pp->fd, -1)) {
			if (!read_report(pp))
				return;
		} else if (cancel_signal(c)) {
			/* It cleans up and reports; its time runs on. */
			pp->interrupted = true;
			strcpy(pp->why, "interrupted");
			kill(pp->pid, SIGTERM);
		} else {
			strcpy(pp->why,
			       "the player hung: it did not end by itself");
			kill(pp->pid, SIGKILL);
			return;
		}
	}
}

/* Returns false where there is no whole report. */
static bool parse_report(struct player_process *pp, struct outcome *out)
{
	struct player_report r;
	char *rest = pp->text + sizeof(r);

	if (!pp->text || pp->len < sizeof(r))
		return false;
	memcpy(&r, pp->text, sizeof(r));
	if (pp->len != sizeof(r) + r.out.verdicts.len + r.notes_len)
		return false;
	json_raw(&out->verdicts, rest, r.out.verdicts.len);
	r.out.verdicts = out->verdicts;
	/* With the NUL that open_memstream(3) puts after the text. */
	memmove(pp->text, rest + r.out.verdicts.len, r.notes_len + 1);
	r.out.notes = pp->text;
	pp->text = NULL;
	if (r.out.verdicts.failed) {
		r.out.result = RESULT_FAIL;
		snprintf(r.out.why, sizeof(r.out.why),
			 "out of memory for its verdicts");
	}
	*out = r.out;
	return true;
}

static void explain_crash(const struct player_process *pp, int st,
			  struct outcome *out)
{
	if (pp->why[0])
		snprintf(out->why, sizeof(out->why), "%s", pp->why);
	else if (WIFSIGNALED(st))
		snprintf(out->why, sizeof(out->why), "the player died of SIG%s",
			 sigabbrev_np(WTERMSIG(st)) ?: "?");
	else
		snprintf(out->why, sizeof(out->why),
			 "the player exited with status %d and no result",
			 WEXITSTATUS(st));
}

static void finish_player(struct player_process *pp, struct outcome *out)
{
	int st = 0;

	close(pp->fd); /* or a player with more to write would wait */
	while (waitpid(pp->pid, &st, 0) < 0 && errno == EINTR)
		;
	if (fclose(pp->to) || !pp->text)
		strcpy(pp->why, "out of memory for its report");
	pp->to = NULL;
	if (!parse_report(pp, out))
		explain_crash(pp, st, out);
	out->interrupted = pp->interrupted;
}

void play_process(const struct scenario *s, const struct play_options *o,
		  struct outcome *out)
{
	struct player_process pp = { .fd = -1 };
	struct cancel c;
	struct err e;

	*out = (struct outcome){ .result = RESULT_FAIL };
	json_init(&out->verdicts);
	if (cancel_open(&c, o->limit_s + GRACE_S, &e)) {
		snprintf(out->why, sizeof(out->why), "%s", e.msg);
		return;
	}
	if (start_player(&pp, s, o, &e)) {
		snprintf(out->why, sizeof(out->why), "%s", e.msg);
		if (pp.fd >= 0)
			close(pp.fd);
	} else {
		follow_player(&pp, &c);
		finish_player(&pp, out);
	}
	if (pp.to)
		fclose(pp.to);
	free(pp.text);
	cancel_close(&c);
}
