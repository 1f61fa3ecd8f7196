/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A storm: the operations of the control commands in a tight loop on several
 * threads. storm_parse.c builds a struct storm from the words and makes all
 * checks that can be made in advance; storm_run.c starts and joins the threads;
 * storm_ops.c has the table of operations; storm_undo.c restores what they
 * changed; storm_stats.c writes the reply.
 *
 * Each round of a worker runs its steps in order, or one at random with `any`.
 * Workers joined by `&` form a group: their rounds start together
 * (storm_barrier.c).
 */
#ifndef GPCVM_STORM_H
#define GPCVM_STORM_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"
#include "base/tsc.h"
#include "control/request.h"
#include "memory/attrs.h"
#include "storm/storm_barrier.h"

#define STORM_THREADS 64 /* of all workers */
#define STORM_WORKERS (LINE_MAX_WORDS / 2)
#define STORM_STEPS   (LINE_MAX_WORDS / 2)
#define STORM_ERRORS  8 /* kinds of failure counted separately */
#define STORM_SECONDS UINT64_C(86400)

struct storm;
struct storm_thread;

/* One operation of a worker. Constant while the storm runs. */
struct storm_step {
	const struct storm_op *op;
	char text[80]; /* the words, truncated */
	uint64_t gpa, len;
	bool page; /* one page of the range, drawn for each run */
	bool flag; /* attr: private; touch: write */
	bool move; /* pv, slot: move there and back instead of off and on */
	unsigned int vcpu, slot; /* the vCPU it runs on; the slot's number */
	/* The vCPU's thread waits at the barrier instead of the worker's: see
	 * storm_run.c, may_meet(). */
	bool meets;
	struct pv_page *pv;
	/* Of the pv page; home: its initial place. */
	struct pv_where home, there;
	uint64_t slot_home, slot_there;
	/* flip, attr: the range's private runs at the start */
	struct attrs was;
};

struct storm_op {
	const char *name, *args, *help;
	unsigned int min, max; /* words after the name */
	bool on_vcpu;	       /* run() calls storm_ask() for st->vcpu */
	bool agent;	       /* ... and always needs its agent */
	/* Fill @st from the words, with the command's checks. */
	int (*parse)(struct storm *s, struct storm_step *st, char *const *words,
		     int nr, struct err *e);
	/* Run it. @gpa and @len are the step's, or a drawn page. */
	int (*run)(struct storm_thread *t, const struct storm_step *st,
		   uint64_t gpa, uint64_t len);
	/* Restore what it may have changed; NULL: nothing. Runs on the storm's
	 * own thread after all others have ended. */
	int (*undo)(struct storm *s, const struct storm_step *st,
		    struct err *e);
};

/* In the order of undo. */
extern const struct storm_op storm_ops[];
extern const unsigned int storm_ops_nr;

struct storm_error {
	enum err_kind kind;
	int os_errno;
	uint64_t nr;
};

/* The results of one step on one thread. */
struct storm_count {
	uint64_t done, failed; /* failed: included in done */
	uint64_t verdicts[VERDICT_TORN + 1];
	struct storm_error errors[STORM_ERRORS];
	unsigned int nr_errors;
	uint64_t other_errors; /* errors that did not fit into @errors */
	char first[384];       /* the first error's message */
	struct hist took;      /* ticks; successful runs only */
	/* poke, check: the page's pfn after the last run, 0 if unknown; and how
	 * often it had changed, was the same, or could not be compared. */
	uint64_t pfn, pfn_changed, pfn_same, pfn_unknown;
};

struct storm_worker {
	unsigned int step, nr_steps; /* its steps start at s->steps[step] */
	unsigned int thread, threads;
	bool any;
	bool joined; /* to the previous worker */
	int group;   /* -1: none */
	bool stays;  /* runs many rounds at a time on @vcpu's thread */
	unsigned int vcpu;
};

struct storm_thread {
	struct storm *s;
	const struct storm_worker *w;
	struct storm_barrier *barrier; /* its group's; NULL: none */
	unsigned int member;	       /* index in the group */
	uint64_t random;	       /* state of the generator */
	uint64_t order;		       /* hash of the sequence so far */
	uint64_t rounds, at; /* @at: start of the current operation, ticks */
	struct storm_count *counts; /* owned; one per step */
	struct err err;
	struct json json;  /* discarded fields of the operations' replies */
	struct vcpu *vcpu; /* runs its rounds; NULL: its own thread */
	bool meeting;	   /* has not passed the round's barrier yet */
	bool quit;	   /* told at the barrier to end */
	bool judged;	   /* the step was a check with verdict @verdict */
	enum pv_verdict verdict;
	bool used; /* the step used a cache; @pfn: the page's pfn then, or 0 */
	uint64_t pfn;
	uint64_t from, to; /* working time in this round, TSC; 0: none yet */
	pthread_t thread;
	bool started;
	_Atomic bool over;
	bool spread; /* the thread that runs its rounds has its own CPU */
	cpu_set_t was, own; /* affinity before, and with its own CPU */
	/* The current operation, for reports of a hang. */
	const struct storm_step *_Atomic now;
	_Atomic uint64_t now_gpa;
} __attribute__((aligned(128)));

enum storm_end {
	STORM_TIME,
	STORM_COUNT,
	STORM_STOP,
	STORM_KERNEL,
	STORM_CLIENT,
	STORM_MACHINE,
	STORM_STUCK,
};

struct storm {
	struct request *rq;
	struct machine *m;
	uint64_t for_ns, count; /* one of the two; the other is 0 */
	uint64_t seed;

	struct storm_step steps[STORM_STEPS];
	struct storm_worker workers[STORM_WORKERS];
	unsigned int nr_steps, nr_workers, nr_groups, nr_threads;
	struct storm_thread *threads;	/* owned */
	struct storm_barrier *barriers; /* owned; one per group */

	/* Serializes flip, attr and slot, so that only one of them at
	 * a time waits to write what all others read under one lock,
	 * and readers get their turn. */
	pthread_mutex_t writer;

	pthread_mutex_t lock; /* protects running and go */
	pthread_cond_t cond;
	unsigned int running;
	enum { STORM_WAIT, STORM_GO, STORM_ABORT } go;
	_Atomic bool stop;
	uint64_t kernel; /* the number of kernel messages at the start */
	enum storm_end end;
	struct tsc_mark began;
	uint64_t ended_ns;
	double tick; /* of the TSC, in ns */
};

/* ---- storm_parse.c ------------------------------------------------------ */

/*
 * Parse the words after `storm`. @s is zero except rq and m; call storm_free()
 * in any case. Errors: usage or range with the wrong word, or those of the
 * corresponding command.
 */
int storm_parse(struct storm *s, char *const *words, int nr, struct err *e);
void storm_free(struct storm *s);

/* ---- storm_random.c: the order of operations ---------------------------- */

/* Start the sequence of one thread. */
void storm_seed(struct storm_thread *t, uint64_t seed, unsigned int thread);
/* Draw the next step's index and page, and hash both into t->order. */
unsigned int storm_pick(struct storm_thread *t, unsigned int turn);
uint64_t storm_place(struct storm_thread *t, const struct storm_step *st,
		     uint64_t *len);

/* ---- storm_run.c -------------------------------------------------------- */

/* Run the storm on the request's thread. Frees nothing. */
int storm_run(struct storm *s);
/* Count the end of a step of @t. */
void storm_note(struct storm_thread *t, struct storm_count *c, int r);
/* On a worker's thread: run @fn on the step's vCPU. */
int storm_ask(struct storm_thread *t, const struct storm_step *st,
	      enum job_kind kind, request_agent_fn fn, void *arg);

/* ---- storm_spread.c ------------------------------------------------------ */

/* Give each thread of the groups its own CPU if there are enough. */
void storm_spread(struct storm *s);
/* Restore the affinity of vCPU threads. */
void storm_gather(struct storm *s);

/* ---- storm_stats.c ------------------------------------------------------ */

/* Write the results as fields of the reply. Returns -1 and an error if memory
 * runs out. */
int storm_json(const struct storm *s, struct json *j, struct err *e);

/* ---- cmd_storm.c: the command ------------------------------------------- */

int cmd_storm(struct request *rq);

#endif
