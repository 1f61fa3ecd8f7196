/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is a page of guest memory reachable through the host's direct map, and at
 * which physical address? Measured: the guest plants words in the page that are
 * nowhere else, and the host looks for them in /proc/kcore (kcore.h). Where it
 * finds them the guest changes them, and only a place that follows is the page:
 * what still has the old words is a copy. A page of gpcvm's own is looked for in
 * the same scan; where that is not found, nothing can be said about the others.
 */
#ifndef GPCVM_LEAK_H
#define GPCVM_LEAK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "guest/doorbell.h"
#include "pv/model.h"

struct kcore_map;
struct leak_page;
struct pv_vm;
struct request;

/* The answers, ordered by how bad they are. */
enum leak_state {
	LEAK_ABSENT,
	LEAK_UNKNOWN,
	LEAK_PRESENT,
};

/* What a machine has for it. */
struct leak {
	int kcore;	 /* owned; -1: kcore_errno says why */
	int kcore_errno; /* of open() */
	uint64_t ram;	 /* of the host, in bytes, at that time */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct leak_turn *first; /* who measures; behind it who waits */
};

#define LEAK_WHY 384 /* as long as an error's message */

/* What to do while the words are in a page that is present, see leak_page. */
typedef int (*leak_found_fn)(struct request *rq, struct leak_page *p,
			     const struct kcore_map *map);

/* A page to measure: the caller sets gpa and perhaps found, the rest is 0. */
struct leak_page {
	uint64_t gpa; /* of the page */
	/* May change the answer; -1 and rq->err: all has failed. */
	leak_found_fn found;

	enum leak_state state;
	uint64_t phys;	    /* of the page; where it is present */
	char why[LEAK_WHY]; /* where it is not, or after found */
	bool used;	    /* words were planted there ... */
	bool restored;	    /* ... and its old content is back */

	/* While it is measured: */
	uint32_t offset; /* of the words, in the page */
	bool settled;	 /* the answer is final */
	bool private;	 /* the attribute when the words were planted */
	bool planted, intact, seen;
	uint64_t hit; /* where the words were @seen */
	uint64_t mask, masked[SECRET_WORDS];
	uint64_t old_mask, old[SECRET_WORDS];
};

struct leak_result {
	enum leak_state control; /* gpcvm's own page: present or unknown */
	uint64_t control_phys;
	char control_why[LEAK_WHY];
	uint64_t ram;	     /* bytes of the direct map */
	uint64_t scanned;    /* bytes read, in all scans */
	uint64_t unreadable; /* bytes that the last scan could not read */
	unsigned int scans;
};

const char *leak_state_name(enum leak_state s);
/* Both are known and differ: @text says who says what. */
bool leak_differs(enum leak_state seen, enum model_map expected,
		  char text[static 64]);

/* Open /proc/kcore: before privileges are given up. That it cannot be is told
 * by who uses it. */
void leak_open(struct leak *l);
void leak_close(struct leak *l);
/* -1 and an error (unsupported, with the reason) where it could not be. */
int leak_check(const struct leak *l, struct err *e);

/*
 * On a request's own thread (request_on_thread()): answer for @nr different
 * pages, each page-aligned. The words of a page are saved and put back. Waits
 * for its turn: one measurement at a time. -1 and rq->err: unsupported, or
 * state (no vCPU serves; the client has gone; the machine ends). Nothing of the
 * result counts then.
 */
int leak_measure(struct request *rq, struct leak_page *pages, unsigned int nr,
		 struct leak_result *res);

/*
 * On a request's own thread: the pfn of the page that the guest sees at @gpa,
 * private or shared, in any memory mode. Another thread may punch or convert it
 * the moment after. -1 and rq->err: as leak_measure(), and state where the page
 * is not in the direct map or cannot be told, with the reason.
 *
 *	static int find(struct request *rq)
 *	{
 *		uint64_t pfn;
 *
 *		if (leak_locate(rq, rq->arg[0], &pfn))
 *			return -1;
 *		...
 *	}
 *	return request_on_thread(rq, find, NULL);
 */
int leak_locate(struct request *rq, uint64_t gpa, uint64_t *pfn);

/* For @found: switch the pv page rq->page off while every CPU that gpcvm may use
 * reads the page at @p: present if one still can afterwards, else absent. */
int leak_watch_off(struct request *rq, struct leak_page *p,
		   const struct kcore_map *map);

/* ---- between leak.c and leak_guest.c ------------------------------------ */

#define LEAK_NO_ROOM UINT32_MAX

/* A place for the words in the page at @gpa that no pv page which is on lies
 * in, as far to its end as can be; LEAK_NO_ROOM. */
uint32_t leak_place(const struct pv_vm *pv, uint64_t gpa);

struct leak_batch {
	struct request *rq;
	struct leak_page *pages;
	unsigned int nr;
	uint64_t mask; /* for what is planted */
};

/* In JOB_AGENT jobs, for request_ask_agent(); @batch is a struct leak_batch. */
/* Save what is there, plant words; pages that are settled are left out. */
int leak_plant(void *batch, struct vcpu *v, struct err *e);
/* Do the words stand? And plant others where they were seen. */
int leak_change(void *batch, struct vcpu *v, struct err *e);
/* Put back what was there. */
int leak_restore(void *batch, struct vcpu *v, struct err *e);

#endif
