/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Measure whether a page of guest memory is reachable through the host's direct
 * map, and at which physical address. The guest plants words in the page that
 * occur nowhere else, and the host searches /proc/kcore for them (kcore.h). The
 * guest then changes the words it found, and only a place that follows is the
 * page: one with the old words is a copy. The same scan searches for a page of
 * gpcvm's own; if that is not found, the result for the other pages is unknown.
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

/* The answers, from good to bad. */
enum leak_state {
	LEAK_ABSENT,
	LEAK_UNKNOWN,
	LEAK_PRESENT,
};

/* State kept for a machine. */
struct leak {
	int kcore;	 /* owned; -1: see kcore_errno */
	int kcore_errno; /* of open() */
	uint64_t ram;	 /* of the host then, bytes */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct leak_turn *first; /* who measures now, then who waits */
};

#define LEAK_WHY 384 /* as long as an error message */

/* Called while the words are in a page that is present, see leak_page. */
typedef int (*leak_found_fn)(struct request *rq, struct leak_page *p,
			     const struct kcore_map *map);

/* A page to measure. The caller sets gpa and optionally found, and clears the
 * rest. */
struct leak_page {
	uint64_t gpa; /* of the page */
	/* May change the answer; -1 and rq->err: the measurement fails. */
	leak_found_fn found;

	enum leak_state state;
	uint64_t phys;	    /* of the page, if present */
	char why[LEAK_WHY]; /* if not present, or set by found */
	bool used;	    /* words were planted ... */
	bool restored;	    /* ... and its old content was restored */

	/* During the measurement: */
	uint32_t offset; /* of the words, in the page */
	bool settled;	 /* the answer is final */
	bool private;	 /* the attribute when the words were planted */
	bool planted, intact, seen;
	uint64_t hit; /* where the words were, if @seen */
	uint64_t mask, masked[SECRET_WORDS];
	uint64_t old_mask, old[SECRET_WORDS];
};

struct leak_result {
	enum leak_state control; /* gpcvm's own page: present or unknown */
	uint64_t control_phys;
	char control_why[LEAK_WHY];
	uint64_t ram;	     /* bytes of the direct map */
	uint64_t scanned;    /* bytes read, by all scans */
	uint64_t unreadable; /* bytes that the last scan could not read */
	unsigned int scans;
};

const char *leak_state_name(enum leak_state s);
/* Are both known, and do they differ? @text names the source of each. */
bool leak_differs(enum leak_state seen, enum model_map expected,
		  char text[static 64]);

/* Open /proc/kcore, before privileges are dropped. A failure is reported on
 * first use. */
void leak_open(struct leak *l);
void leak_close(struct leak *l);
/* Check that it was opened; -1 and an error (unsupported, with the reason). */
int leak_check(const struct leak *l, struct err *e);

/*
 * Measure @nr different pages, each page-aligned, on a request's own thread
 * (request_on_thread()). The bytes under the words are saved and restored.
 * Waits for its turn, as there is one measurement at a time. -1 and rq->err:
 * unsupported, or state (no vCPU serves; the client has gone; the machine
 * ends); @res is then invalid.
 */
int leak_measure(struct request *rq, struct leak_page *pages, unsigned int nr,
		 struct leak_result *res);

/*
 * Find the pfn of the page that the guest sees at @gpa, private or shared, in
 * any memory mode. Call it on a request's own thread. Another thread may punch
 * or convert the page right afterwards. -1 and rq->err: as leak_measure(), and
 * state with the reason if the page is not in the direct map or cannot be
 * identified.
 *
 *	static int find(struct request *rq)
 *	{
 *		uint64_t pfn;
 *
 *		if (leak_locate(rq, rq->arg[0], &pfn))
 *			return -1;
 *		...
 *	}
 *
 *	return request_on_thread(rq, find, NULL);
 */
int leak_locate(struct request *rq, uint64_t gpa, uint64_t *pfn);

/* As @found: switch the pv page rq->page off while every CPU that gpcvm may use
 * reads the page at @p. The page is present if one of them can still read it
 * afterwards, else absent. */
int leak_watch_off(struct request *rq, struct leak_page *p,
		   const struct kcore_map *map);

/* ---- between leak.c and leak_guest.c ------------------------------------ */

#define LEAK_NO_ROOM UINT32_MAX

/* Find a place for the words in the page at @gpa that overlaps no active pv
 * page, as close to its end as possible; or LEAK_NO_ROOM. */
uint32_t leak_place(const struct pv_vm *pv, uint64_t gpa);

struct leak_batch {
	struct request *rq;
	struct leak_page *pages;
	unsigned int nr;
	uint64_t mask; /* for words to plant */
};

/* For JOB_AGENT jobs, with request_ask_agent(); @batch is a struct
 * leak_batch. */
/* Save the old content and plant words, in each page that is not settled. */
int leak_plant(void *batch, struct vcpu *v, struct err *e);
/* Check that the words are intact, and replace those that were seen. */
int leak_change(void *batch, struct vcpu *v, struct err *e);
/* Restore the old content. */
int leak_restore(void *batch, struct vcpu *v, struct err *e);

#endif
