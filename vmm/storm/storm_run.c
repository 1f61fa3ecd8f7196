// SPDX-License-Identifier: GPL-2.0-only
/* The threads of a storm, and the thread that waits for them. */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "control/session.h"
#include "storm/storm.h"

#define THREAD_STACK (256 * KIB)
#define TICK_NS	     (5 * NS_PER_MS)
/* Maximum time on a vCPU's thread, in TSC ticks. */
#define STAY	     2000000
/* Time for a thread to finish its last operation. Agent operations have
 * 12 s. */
#define BACK_NS	     (15 * NS_PER_SEC)
/* Minimum time over which the TSC is compared with the clock. */
#define COMPARE_NS   NS_PER_MS

/* ---- a worker's thread -------------------------------------------------- */

/* Wait at the barrier. Runs on the worker's thread, or on a
 * vCPU's for which it waits. */
static bool meet_group(struct storm_thread *t)
{
	t->meeting = false;
	t->quit = !storm_barrier_wait(t->barrier, t->member, &t->s->stop);
	t->at = tsc();
	return !t->quit;
}

/* Take the working time of an operation, without the hand-over to the thread
 * that runs it. A failed operation does not count. */
static void work_begin(struct storm_thread *t)
{
	if (!t->to)
		t->from = tsc();
}

static int work_end(struct storm_thread *t, int r)
{
	if (!r)
		t->to = tsc();
	return r;
}

struct ask {
	struct storm_thread *t;
	request_agent_fn fn;
	void *arg;
};

static int meet_and_do(void *arg, struct vcpu *v, struct err *e)
{
	const struct ask *a = arg;

	if (a->t->meeting && !meet_group(a->t))
		return 0;
	work_begin(a->t);
	return work_end(a->t, a->fn(a->arg, v, e));
}

int storm_ask(struct storm_thread *t, const struct storm_step *st,
	      enum job_kind kind, request_agent_fn fn, void *arg)
{
	struct ask a = { t, fn, arg };
	int r;

	if (t->vcpu)
		return meet_and_do(&a, t->vcpu, &t->err);
	r = request_ask_vcpu(t->s->rq, &t->s->m->vcpus[st->vcpu], kind,
			     meet_and_do, &a, &t->s->stop, &t->err);

	/* The job failed before the barrier. The other
	 * threads must not wait for it. */
	if (t->meeting)
		meet_group(t);
	return r;
}

/* Run one step. Return false if the storm ends. */
static bool run_step(struct storm_thread *t, unsigned int index)
{
	const struct storm_step *st = &t->s->steps[t->w->step + index];
	uint64_t len, gpa = storm_place(t, st, &len);
	int r;

	if (t->meeting && !st->meets && !meet_group(t))
		return false;
	atomic_store_explicit(&t->now_gpa, gpa, memory_order_relaxed);
	atomic_store_explicit(&t->now, st, memory_order_relaxed);
	if (st->op->on_vcpu) {
		r = st->op->run(t, st, gpa, len);
	} else {
		work_begin(t);
		r = work_end(t, st->op->run(t, st, gpa, len));
	}
	if (t->quit)
		return false;
	storm_note(t, &t->counts[index], r);
	return true;
}

/* Run one round. Each operation starts at the end of the previous one. */
static bool run_round(struct storm_thread *t)
{
	unsigned int n = t->w->any ? 1 : t->w->nr_steps;

	t->meeting = t->barrier;
	t->from = t->to = 0;
	t->at = tsc();
	for (unsigned int i = 0; i < n; i++)
		if (t->s->stop || !run_step(t, storm_pick(t, i)))
			return false;
	if (t->barrier) {
		t->barrier->from[t->member] = t->from;
		t->barrier->to[t->member] = t->to;
	}
	t->rounds++;
	return true;
}

struct stay {
	struct storm_thread *t;
	bool go_on;
};

static bool has_rounds(const struct storm_thread *t)
{
	return !t->s->count || t->rounds < t->s->count;
}

/* Run rounds in a vCPU's job. Return after a while:
 * others need the vCPU as well. */
static int do_rounds(void *arg, struct vcpu *v, struct err *e)
{
	struct stay *a = arg;
	const uint64_t since = tsc();

	(void)e;
	a->t->vcpu = v;
	do {
		a->go_on = run_round(a->t);
	} while (a->go_on && has_rounds(a->t) && !v->agent.lost && !v->pause &&
		 tsc() - since < STAY);
	a->t->vcpu = NULL;
	return 0;
}

/*
 * If all operations of a worker need the same vCPU, run its rounds on that
 * vCPU's thread. Otherwise the hand-over would take longer than most
 * operations, and the worker's own thread would take CPU time from the threads
 * it has to meet.
 */
static bool run_rounds(struct storm_thread *t)
{
	struct stay a = { t, true };

	if (!t->w->stays ||
	    request_ask_vcpu(t->s->rq, &t->s->m->vcpus[t->w->vcpu], JOB_AGENT,
			     do_rounds, &a, &t->s->stop, &t->err))
		return run_round(t); /* reports and counts the failure */
	return a.go_on;
}

static bool wait_for_go(struct storm *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->go == STORM_WAIT)
		pthread_cond_wait(&s->cond, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return s->go == STORM_GO;
}

static void *worker_main(void *arg)
{
	struct storm_thread *t = arg;
	struct storm *s = t->s;

	if (wait_for_go(s))
		while (has_rounds(t) && run_rounds(t))
			;
	t->over = true;
	pthread_mutex_lock(&s->lock);
	if (!--s->running)
		pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- start -------------------------------------------------------------- */

static unsigned int count_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (unsigned int)CPU_COUNT(&set);
}

/*
 * A vCPU takes a while to start a job. For its operation to start together with
 * others, its own thread has to wait at the barrier. It cannot serve others
 * meanwhile, so no other worker of any group may need this vCPU to reach a
 * barrier.
 */
static bool may_meet(const struct storm *s, const struct storm_worker *w,
		     const struct storm_step *st)
{
	if (w->group < 0 || w->threads > 1 || !st->op->on_vcpu)
		return false;
	for (unsigned int i = 0; i < s->nr_workers; i++) {
		const struct storm_worker *o = &s->workers[i];

		for (unsigned int n = 0; n < o->nr_steps; n++) {
			const struct storm_step *other = &s->steps[o->step + n];

			if (o != w && o->group >= 0 && other->op->on_vcpu &&
			    other->vcpu == st->vcpu)
				return false;
		}
	}
	return true;
}

/* Can it run all of its rounds on one vCPU's thread? */
static bool may_stay(struct storm *s, struct storm_worker *w)
{
	const struct storm_step *st = &s->steps[w->step];

	w->vcpu = st->vcpu;
	for (unsigned int i = 0; i < w->nr_steps; i++)
		if (!st[i].meets || !st[i].op->agent || st[i].vcpu != w->vcpu)
			return false;
	return true;
}

static int make_threads(struct storm *s, struct err *e)
{
	bool crowded = s->nr_threads > count_cpus();

	s->threads = aligned_alloc(__alignof__(struct storm_thread),
				   s->nr_threads * sizeof(*s->threads));
	if (s->threads)
		memset(s->threads, 0, s->nr_threads * sizeof(*s->threads));
	s->barriers = calloc(s->nr_groups ?: 1, sizeof(*s->barriers));
	if (!s->threads || !s->barriers)
		return err_os(e, ENOMEM, "memory for a storm");
	for (unsigned int i = 0; i < s->nr_workers; i++) {
		struct storm_worker *w = &s->workers[i];
		struct storm_barrier *b = w->group < 0 ? NULL
						       : &s->barriers[w->group];

		for (unsigned int n = 0; n < w->nr_steps; n++)
			s->steps[w->step + n].meets =
				may_meet(s, w, &s->steps[w->step + n]);
		w->stays = may_stay(s, w);
		for (unsigned int n = 0; n < w->threads; n++) {
			struct storm_thread *t = &s->threads[w->thread + n];

			t->s = s;
			t->w = w;
			t->barrier = b;
			if (b)
				t->member = b->nr++;
			json_init(&t->json);
			storm_seed(t, s->seed, w->thread + n);
			t->counts = calloc(w->nr_steps, sizeof(*t->counts));
			if (!t->counts)
				return err_os(e, ENOMEM, "memory for a storm");
		}
		if (b)
			b->crowded = crowded;
	}
	return 0;
}

static int start_threads(struct storm *s, struct err *e)
{
	pthread_attr_t attr;
	int r = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	for (unsigned int i = 0; i < s->nr_threads && !r; i++) {
		struct storm_thread *t = &s->threads[i];

		r = pthread_create(&t->thread, &attr, worker_main, t);
		t->started = !r;
		if (!r) {
			pthread_mutex_lock(&s->lock);
			s->running++;
			pthread_mutex_unlock(&s->lock);
		}
	}
	pthread_attr_destroy(&attr);
	return r ? err_os(e, r, "creating %u threads for a storm",
			  s->nr_threads)
		 : 0;
}

static void release_threads(struct storm *s, bool go)
{
	pthread_mutex_lock(&s->lock);
	s->began = tsc_mark();
	s->go = go ? STORM_GO : STORM_ABORT;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

/* ---- end ---------------------------------------------------------------- */

/* Set s->end and return true if the storm has to end. */
static bool must_end(struct storm *s, uint64_t now)
{
	struct machine *m = s->m;

	if (m->ending)
		s->end = STORM_MACHINE;
	else if (s->rq->job.cancelled)
		s->end = STORM_CLIENT;
	else if (events_kernel(&m->events) != s->kernel)
		s->end = STORM_KERNEL;
	else if (s->rq->s->storm_stop)
		s->end = STORM_STOP;
	else if (request_is_stuck(s->rq))
		s->end = STORM_STUCK;
	else if (s->for_ns && now - s->began.ns >= s->for_ns)
		s->end = STORM_TIME;
	else
		return false;
	return true;
}

/* Wait until all threads have ended or until @until. The lock is held. */
static void sleep_until(struct storm *s, uint64_t until)
{
	struct timespec t = clock_at(until);

	pthread_cond_clockwait(&s->cond, &s->lock, CLOCK_MONOTONIC, &t);
}

static void wait_for_end(struct storm *s)
{
	const uint64_t end = s->began.ns + s->for_ns;
	uint64_t now = now_ns();

	s->end = STORM_COUNT;
	pthread_mutex_lock(&s->lock);
	while (s->running && !must_end(s, now)) {
		sleep_until(s, s->for_ns && end < now + TICK_NS
				       ? end
				       : now + TICK_NS);
		now = now_ns();
	}
	pthread_mutex_unlock(&s->lock);
	s->stop = true;
	for (unsigned int i = 0; i < s->nr_groups; i++)
		storm_barrier_wake(&s->barriers[i]);
}

/* Report an operation that does not return from the kernel. */
static void report_stuck(struct storm *s)
{
	struct err e;

	for (unsigned int i = 0; i < s->nr_threads; i++) {
		struct storm_thread *t = &s->threads[i];
		const struct storm_step *st = t->now;

		if (t->over || !st)
			continue;
		err_state(
			&e,
			"thread %u of the storm has not returned from '%s' at "
			"gpa 0x%" PRIx64 " (a hang in the kernel?)",
			i, st->text, t->now_gpa);
		request_stuck(s->rq, &e);
		return;
	}
}

static void join_threads(struct storm *s)
{
	uint64_t since = now_ns(), now = since;

	pthread_mutex_lock(&s->lock);
	while (s->running) {
		sleep_until(s, now + TICK_NS);
		now = now_ns();
		if (now > since + BACK_NS)
			report_stuck(s);
	}
	pthread_mutex_unlock(&s->lock);
	s->ended_ns = now_ns();
	for (unsigned int i = 0; i < s->nr_threads; i++)
		if (s->threads[i].started)
			pthread_join(s->threads[i].thread, NULL);
}

/* Measure for at least COMPARE_NS: a short storm is too short. */
static void measure_tick(struct storm *s)
{
	struct tsc_mark now;

	do {
		now = tsc_mark();
	} while (now.ns < s->began.ns + COMPARE_NS);
	s->tick = tsc_ns(&s->began, &now);
}

int storm_run(struct storm *s)
{
	int r;

	pthread_mutex_init(&s->writer, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->cond, NULL);
	s->kernel = events_kernel(&s->m->events);
	r = make_threads(s, &s->rq->err);
	if (!r) {
		r = start_threads(s, &s->rq->err);
		if (!r)
			storm_spread(s);
		model_suspend(&s->m->pv.model);
		release_threads(s, !r);
		if (!r)
			wait_for_end(s);
		join_threads(s);
		storm_gather(s);
		model_resume(&s->m->pv.model);
		measure_tick(s);
	}
	for (unsigned int i = 0; i < s->nr_groups && !r; i++)
		storm_barrier_finish(&s->barriers[i]);
	pthread_cond_destroy(&s->cond);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->writer);
	return r;
}
