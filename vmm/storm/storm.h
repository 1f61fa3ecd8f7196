/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * storm: the operations of the control commands in a tight loop on several
 * threads. storm_parse.c makes a struct storm of the words and checks all that
 * can be checked; storm_run.c starts the threads, waits for them and puts back
 * what they changed; storm_ops.c has the table of operations; storm_stats.c
 * writes the reply.
 *
 * A worker does its steps in turn, a round, or with `any` one of them. Workers
 * that `&` joins are a group: their rounds start together (storm_barrier.c).
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
#define STORM_ERRORS  8 /* kinds of failure that are told apart */
#define STORM_SECONDS UINT64_C(86400)

struct storm;
struct storm_thread;

/* One operation of a worker; does not change while the storm runs. */
struct storm_step {
	const struct storm_op *op;
	char text[80]; /* the words; cut */
	uint64_t gpa, len;
	bool page;		 /* one of the range's, drawn each time */
	bool flag;		 /* attr: private; touch: write */
	bool move;		 /* pv, slot: there and back, not off and on */
	unsigned int vcpu, slot; /* that it runs on; its number */
	bool meets; /* the vCPU's thread waits at the barrier, not the worker's:
		     * see storm_run.c, may_meet() */
	struct pv_page *pv;
	struct pv_where home, there; /* of the pv page; home: as it was */
	uint64_t slot_home, slot_there;
	struct attrs was; /* flip, attr: the range's private runs */
};

struct storm_op {
	const char *name, *args, *help;
	unsigned int min, max; /* words after the name */
	bool on_vcpu;	       /* run() is storm_ask() of st->vcpu */
	bool agent;	       /* ... which always needs its agent */
	/* Fill @st from the words, with the command's checks; -1 and @e. */
	int (*parse)(struct storm *s, struct storm_step *st, char *const *words,
		     int nr, struct err *e);
	/* Do it; @gpa and @len are the step's, or the page that was drawn. */
	int (*run)(struct storm_thread *t, const struct storm_step *st,
		   uint64_t gpa, uint64_t len);
	/* Put back what it may have changed; NULL: nothing. On the storm's own
	 * thread, when all others have ended. */
	int (*undo)(struct storm *s, const struct storm_step *st,
		    struct err *e);
};

/* In the order in which what they changed is put back. */
extern const struct storm_op storm_ops[];
extern const unsigned int storm_ops_nr;

struct storm_error {
	enum err_kind kind;
	int os_errno;
	uint64_t nr;
};

/* What one thread saw of one step. */
struct storm_count {
	uint64_t done, failed; /* failed: of those done */
	uint64_t verdicts[VERDICT_TORN + 1];
	struct storm_error errors[STORM_ERRORS];
	unsigned int nr_errors;
	uint64_t other_errors; /* that did not fit there */
	char first[384];       /* the first one's message */
	struct hist took;      /* ticks of those that succeeded */
	/* poke, check: the pfn behind the page after it; 0: not known, or none
	 * before. Those that were another one than the last, the same, unknown. */
	uint64_t pfn, pfn_changed, pfn_same, pfn_unknown;
};

struct storm_worker {
	unsigned int step, nr_steps; /* from s->steps[step] on */
	unsigned int thread, threads;
	bool any;
	bool joined; /* to the worker before it */
	int group;   /* -1: none */
	bool stays;  /* on the thread of @vcpu, for many rounds */
	unsigned int vcpu;
};

struct storm_thread {
	struct storm *s;
	const struct storm_worker *w;
	struct storm_barrier *barrier; /* its group's; NULL */
	unsigned int member;	       /* of the group */
	uint64_t random;	       /* the generator's state */
	uint64_t order;		       /* hash of the sequence so far */
	uint64_t rounds, at;	       /* at: when what runs now began, ticks */
	struct storm_count *counts;    /* owned; one for each step */
	struct err err;
	struct json json;  /* what an operation would reply: thrown away */
	struct vcpu *vcpu; /* that runs its rounds; NULL: its own thread */
	bool meeting;	   /* the round's barrier is still ahead */
	bool quit;	   /* there it was told to end */
	bool judged;	   /* the step was a check, with this verdict */
	enum pv_verdict verdict;
	bool used; /* the step used a cache; the page's pfn then, or 0 */
	uint64_t pfn;
	uint64_t from, to; /* at work in this round, TSC; 0: not yet */
	pthread_t thread;
	bool started;
	_Atomic bool over;
	bool spread;	    /* who does its rounds has a CPU of its own */
	cpu_set_t was, own; /* where it could run before; that CPU */
	/* What it is at, for who waits in vain. */
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
	uint64_t for_ns, count; /* one of them; 0 */
	uint64_t seed;

	struct storm_step steps[STORM_STEPS];
	struct storm_worker workers[STORM_WORKERS];
	unsigned int nr_steps, nr_workers, nr_groups, nr_threads;
	struct storm_thread *threads;	/* owned */
	struct storm_barrier *barriers; /* owned; one for each group */

	/* flip, attr and slot change what all others read under one lock: one
	 * of them at a time asks for it, so that readers come between. */
	pthread_mutex_t writer;

	pthread_mutex_t lock; /* of running and go */
	pthread_cond_t cond;
	unsigned int running;
	enum { STORM_WAIT, STORM_GO, STORM_ABORT } go;
	_Atomic bool stop;
	uint64_t kernel; /* messages when it began */
	enum storm_end end;
	struct tsc_mark began;
	uint64_t ended_ns;
	double tick; /* of the TSC, in ns */
};

/* ---- storm_parse.c ------------------------------------------------------ */

/*
 * The words after `storm`. @s is zeroed but for rq and m; storm_free() in any
 * case. usage or range with the word that was wrong, or what the command that
 * does the same would say.
 */
int storm_parse(struct storm *s, char *const *words, int nr, struct err *e);
void storm_free(struct storm *s);

/* ---- storm_random.c: the order of operations ---------------------------- */

/* Each thread draws from its own sequence. */
void storm_seed(struct storm_thread *t, uint64_t seed, unsigned int thread);
/* The next step's index, and the page; both go into t->order. */
unsigned int storm_pick(struct storm_thread *t, unsigned int turn);
uint64_t storm_place(struct storm_thread *t, const struct storm_step *st,
		     uint64_t *len);

/* ---- storm_run.c -------------------------------------------------------- */

/* From its start to its end, on the request's thread; frees nothing. */
int storm_run(struct storm *s);
/* How a step of @t has ended. */
void storm_note(struct storm_thread *t, struct storm_count *c, int r);
/* On a worker's thread: have the step's vCPU do @fn. */
int storm_ask(struct storm_thread *t, const struct storm_step *st,
	      enum job_kind kind, request_agent_fn fn, void *arg);

/* ---- storm_spread.c ------------------------------------------------------ */

/* Give the threads of the groups a CPU each, where there are enough. */
void storm_spread(struct storm *s);
/* Let vCPUs run again where they could before. */
void storm_gather(struct storm *s);

/* ---- storm_stats.c ------------------------------------------------------ */

/* What was counted: fields of the reply. */
void storm_json(const struct storm *s, struct json *j);

/* ---- cmd_storm.c: the command ------------------------------------------- */

int cmd_storm(struct request *rq);

#endif
