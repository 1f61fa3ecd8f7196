/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files that play a scenario. */
#ifndef GPCVM_SCENARIO_PLAYER_H
#define GPCVM_SCENARIO_PLAYER_H

#include <stdio.h>

#include "ctl/ctl_link.h"
#include "play/scenario_halt.h"
#include "play/scenario_judge.h"
#include "play/teardown.h"
#include "play/scenario_run.h"
#include "play/scenario_vm.h"
#include "play/scenario_watch.h"

#define KERNEL_WAIT_MS 10000 /* for a message that is expected */

struct player;

/* A list of statements that is being run, and its connection. */
struct branch {
	struct player *p;
	struct ctl_link link;
	struct reply_text reply;  /* the last; the text is owned */
	const struct stmt *asked; /* what it is the reply to */
	size_t place;		  /* in the events: behind the last wait */
	struct json verdicts;
	FILE *notes;
	char *notes_text; /* of notes: owned once it is closed */
	size_t notes_len;
	const struct stmt *at; /* where it was left, or stands */
	bool failed, skipped;
	unsigned int line;
	char why[JUDGE_WHY];
	/* The first command that a kernel message ended; NULL: none. */
	const struct stmt *ended;
	struct reply_text ended_reply; /* its; the text is owned */
};

struct player {
	const struct scenario *s;
	const struct play_options *o;
	struct halt halt;
	struct watch watch;
	struct teardown_count memory; /* before the first machine */
	bool counted;
	/* Another process that had a VM when the first machine was started, when
	 * a kernel message came, or at the end; "": none was seen. */
	char other[24];
	pthread_mutex_t other_lock; /* of it: branches look */
	size_t looked_at;	    /* of the messages; with watch.lock held */
	pid_t pids[16]; /* of the machines that were, as far as they fit */
	unsigned int nr_pids;
	struct vm vm;
	bool interrupted; /* by a signal */
	bool halted;	  /* by that, or because the time was over */
	const struct stmt *must_fail; /* expect-fail; NULL */
	bool adopted;	    /* --control: a vm line was taken for it */
	unsigned int types; /* of events that the scenario waits for: bits */
	struct branch main;
};

/* ---- branch.c -------------------------------------------------- */

int branch_init(struct branch *b, struct player *p);
/* What the notes are is in notes_text from here on. */
void branch_close(struct branch *b);
void branch_free(struct branch *b);
/* The scenario fails at @s (NULL: at none); the first failure is the one that
 * counts. Returns -1. */
int branch_fail(struct branch *b, const struct stmt *s, const char *why);
/* A line of text for people; what is not printable in it is made so. */
void branch_note(struct branch *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same of what is not the scenario's affair: printed once a run (ktap.c). */
void branch_note_host(struct branch *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Another line or more of a failure: indented, @text of @n bytes. */
void branch_show(struct branch *b, const char *what, const char *text,
		 size_t n);
/* The last reply, whole, for a failure. */
void branch_show_reply(struct branch *b);
void branch_show_reply_of(struct branch *b, const struct stmt *s,
			  const struct reply_text *r);
/* What the machine has printed. */
void branch_show_output(struct branch *b);
/* What it has warned of, once it has ended and been listened to. */
void branch_show_warnings(struct branch *b);

/* ---- scenario_run.c ----------------------------------------------------- */

int run_list(struct branch *b, const struct stmt *s);

/* ---- scenario_machine.c -------------------------------------------------- */

/* Connect @b to the machine, if it is not. */
int branch_connect(struct branch *b, const struct stmt *s);
/* The connection is lost: fail, and say how the machine ended. */
int branch_lost(struct branch *b, const struct stmt *s);
/* Start what gpcvm run --scenario, or --control, is about. */
int player_begin(struct branch *b);
/* End the machine that runs, if one does: it has to end well. */
int player_finish(struct branch *b, const struct stmt *s);

/* ---- scenario_host.c ----------------------------------------------------- */

void host_begin(struct player *p);
/* Before the first machine. */
void host_count(struct player *p);
/* If the kernel has reported something new: look who else has a VM just now. */
void host_look(struct player *p);
/* After the last: judge the host; into the main branch. */
void host_judge(struct player *p);

#endif
