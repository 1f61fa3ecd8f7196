/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files that play a scenario. */
#ifndef GPCVM_SCENARIO_PLAYER_H
#define GPCVM_SCENARIO_PLAYER_H

#include <stdio.h>

#include "ctl/ctl_link.h"
#include "play/cancel.h"
#include "play/scenario_judge.h"
#include "play/teardown.h"
#include "play/scenario_run.h"
#include "play/scenario_vm.h"
#include "play/scenario_watch.h"

#define KERNEL_WAIT_MS 10000 /* for an expected message */

struct player;

/* A list of statements that runs on a connection of its own: the scenario, or a
 * branch of parallel. */
struct branch {
	struct player *p;
	struct ctl_link link;
	struct reply_text reply;  /* the last; the text is owned */
	const struct stmt *asked; /* the command that it replies to */
	size_t place;		  /* in the events: after the last wait */
	struct json verdicts;
	FILE *notes;
	char *notes_text; /* of notes: owned once it is closed */
	size_t notes_len;
	const struct stmt *at; /* the current statement, or the last one */
	bool failed, skipped;
	unsigned int line;
	char why[JUDGE_WHY];
	/* The first command that a kernel message ended; NULL: none. */
	const struct stmt *ended;
	struct reply_text ended_reply; /* its reply; the text is owned */
};

struct player {
	const struct scenario *s;
	const struct play_options *o;
	struct cancel cancel;
	struct watch watch;
	struct teardown_count memory; /* before the first machine */
	bool counted;
	/* The pid of another process that had a VM when the first machine was
	 * started, when a kernel message came, or at the end; "": none. */
	char other[24];
	pthread_mutex_t other_lock; /* of other: branches look as well */
	size_t looked_at; /* messages at the last look; under watch.lock */
	pid_t pids[16];	  /* of all machines, as far as they fit */
	unsigned int nr_pids;
	struct vm vm;
	bool interrupted;	      /* by a signal */
	bool cancelled;		      /* by a signal, or timed out */
	const struct stmt *must_fail; /* expect-fail; NULL */
	bool adopted;	    /* --control: a vm line was compared with it */
	unsigned int types; /* of events that the scenario waits for: bits */
	struct branch main;
};

/* ---- branch.c ----------------------------------------------------------- */

int branch_init(struct branch *b, struct player *p);
/* Complete notes_text. */
void branch_close(struct branch *b);
void branch_free(struct branch *b);
/* Fail at @s (NULL: at no statement); the first failure is reported. Returns -1. */
int branch_fail(struct branch *b, const struct stmt *s, const char *why);
/* Add a line to the notes; replaces control characters. */
void branch_note(struct branch *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same about the host: printed once in a run (ktap.c). */
void branch_note_host(struct branch *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Add @n bytes of @text to a failure, each line indented and after @what. */
void branch_show(struct branch *b, const char *what, const char *text,
		 size_t n);
/* Show the last reply, or that of @s, with its command. */
void branch_show_reply(struct branch *b);
void branch_show_reply_of(struct branch *b, const struct stmt *s,
			  const struct reply_text *r);
/* Show the output of the machine. */
void branch_show_output(struct branch *b);
/* Show the warnings of the machine, after its end and listener_stop(). */
void branch_show_warnings(struct branch *b);

/* ---- scenario_run.c ----------------------------------------------------- */

int run_list(struct branch *b, const struct stmt *s);

/* ---- scenario_machine.c ------------------------------------------------- */

/* Connect @b to the machine, unless it is connected. */
int branch_connect(struct branch *b, const struct stmt *s);
/* Fail because the connection is lost, and report how the machine ended. */
int branch_lost(struct branch *b, const struct stmt *s);
/* Start the machine of gpcvm run --scenario, or adopt that of --control. */
int player_begin(struct branch *b);
/* End the current machine, if any; fails if it does not end well. */
int player_finish(struct branch *b, const struct stmt *s);

/* ---- scenario_host.c ---------------------------------------------------- */

/* Count the memory in use, before the first machine. */
void host_count(struct player *p);
/* If there are new kernel messages: look for other processes with a VM. */
void host_look(struct player *p);
/* After the last machine: judge the host, into the main branch. */
void host_judge(struct player *p);

#endif
