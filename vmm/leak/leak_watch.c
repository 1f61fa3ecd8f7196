// SPDX-License-Identifier: GPL-2.0-only
/*
 * leak NAME off: does the page become unreachable at once, on every CPU? A CPU
 * may still hold the translation in its TLB after the direct map's entry is
 * gone, but loses it at its next process switch, so a later scan proves
 * nothing. Each CPU must be reading while the page is removed.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "control/session.h"
#include "host/kcore.h"
#include "leak/leak.h"

#define WATCHERS_MAX 64
#define BEGIN_NS     (10 * NS_PER_SEC)

struct page_watch {
	struct request *rq;
	const struct leak_page *page;
	const struct kcore_map *map;
	_Atomic bool stop; /* the page should be unreachable now */
};

/* A thread that reads on one CPU. */
struct watcher {
	struct page_watch *w;
	pthread_t thread;
	int cpu;
	_Atomic bool reads,
		sees; /* it has read; whether it last saw the words */
};

static void *watch_run(void *arg)
{
	struct watcher *t = arg;
	const struct leak_page *p = t->w->page;
	cpu_set_t set;
	bool last;

	CPU_ZERO(&set);
	CPU_SET((size_t)t->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	do {
		last = t->w->stop;
		t->sees = kcore_holds(t->w->rq->s->leak->kcore, t->w->map,
				      p->phys + p->offset, p->masked, p->mask);
		t->reads = true;
	} while (!last);
	return NULL;
}

static unsigned int start_watchers(struct page_watch *w, struct watcher *t)
{
	unsigned int n = 0;
	cpu_set_t mine;

	if (sched_getaffinity(0, sizeof(mine), &mine))
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < WATCHERS_MAX; cpu++) {
		if (!CPU_ISSET((size_t)cpu, &mine))
			continue;
		t[n] = (struct watcher){ .w = w, .cpu = cpu };
		if (!pthread_create(&t[n].thread, NULL, watch_run, &t[n]))
			n++;
	}
	return n;
}

/* Wait until all of them read and see the words; -1 and an error if not. */
static int wait_begun(struct request *rq, const struct watcher *t,
		      unsigned int n)
{
	const struct timespec ms = { .tv_nsec = NS_PER_MS };
	uint64_t end = now_ns() + BEGIN_NS;

	for (unsigned int i = 0; i < n;) {
		if (t[i].reads) {
			if (!t[i].sees)
				return err_state(&rq->err,
						 "the page became unreachable "
						 "before it was switched off");
			i++;
		} else if (request_cancelled(rq) || now_ns() > end) {
			return err_state(&rq->err,
					 "CPU %d did not start reading the "
					 "page",
					 t[i].cpu);
		} else {
			nanosleep(&ms, NULL);
		}
	}
	return n ? 0 : err_os(&rq->err, EAGAIN, "threads that read the page");
}

static int switch_off(void *arg, struct vcpu *v, struct err *e)
{
	struct pv_page *p = arg;
	struct pv_where to = {
		.gpa = p->gpa,
		.by_hva = p->by_hva,
	};

	return pv_switch(p, v, &to, e);
}

static unsigned int stop_watchers(struct page_watch *w, struct watcher *t,
				  unsigned int n)
{
	unsigned int sees = 0;

	w->stop = true;
	for (unsigned int i = 0; i < n; i++) {
		pthread_join(t[i].thread, NULL);
		sees += t[i].sees;
	}
	return sees;
}

int leak_watch_off(struct request *rq, struct leak_page *page,
		   const struct kcore_map *map)
{
	struct page_watch w = { .rq = rq, .page = page, .map = map };
	struct watcher *t = calloc(WATCHERS_MAX, sizeof(*t));
	struct pv_page *p = rq->page;
	unsigned int n, sees;
	int r;

	if (!t)
		return err_os(&rq->err, ENOMEM, "memory for threads");
	n = start_watchers(&w, t);
	r = wait_begun(rq, t, n);
	if (!r)
		r = request_ask_vcpu(rq, &rq->m->vcpus[p->vcpu],
				     pv_switch_job(p), switch_off, p,
				     &rq->job.cancelled, &rq->err);
	sees = stop_watchers(&w, t, n);
	free(t);
	if (r)
		return r;
	page->state = sees ? LEAK_PRESENT : LEAK_ABSENT;
	snprintf(page->why, sizeof(page->why),
		 "was present; %u of %u CPUs can still read the page after %s "
		 "was switched off",
		 sees, n, p->name);
	return 0;
}
