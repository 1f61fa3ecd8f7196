// SPDX-License-Identifier: GPL-2.0-only
/* Run functions on a vCPU from a request's own thread, and wait for them. */
#include "base/clock.h"
#include "control/request.h"
#include "vcpu/agent.h"

#define TICK_NS (10 * NS_PER_MS)

struct asked {
	struct vcpu_job job;
	request_agent_fn fn;
	void *arg;
	struct err *err;
	int result;
	struct patience patience;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool over, ran;
};

static void asked_run(struct vcpu_job *job, struct vcpu *v)
{
	struct asked *a = (struct asked *)job;

	a->result = a->fn(a->arg, v, a->err);
}

static void asked_done(struct vcpu_job *job, bool ran)
{
	struct asked *a = (struct asked *)job;

	pthread_mutex_lock(&a->lock);
	a->ran = ran;
	a->over = true;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
}

/* Wait for one tick; return true if the job is over. */
static bool wait_tick(struct asked *a)
{
	struct timespec t = clock_at(now_ns() + TICK_NS);
	bool over;

	pthread_mutex_lock(&a->lock);
	if (!a->over)
		pthread_cond_clockwait(&a->cond, &a->lock, CLOCK_MONOTONIC, &t);
	over = a->over;
	pthread_mutex_unlock(&a->lock);
	return over;
}

/* The job lives on this thread's stack, so keep waiting even if the client was
 * told that the vCPU hangs. */
static void watch_asked(struct request *rq, struct asked *a, struct vcpu *v,
			const _Atomic bool *cancel)
{
	struct err why;

	if (patience_job(&a->patience, v, &a->job, cancel && *cancel) !=
	    PATIENCE_STUCK)
		return;
	err_state(&why, "vCPU %u does not return from the kernel: %s", v->index,
		  a->patience.doing);
	request_stuck(rq, &why);
}

int request_ask_vcpu(struct request *rq, struct vcpu *v, enum job_kind kind,
		     request_agent_fn fn, void *arg, const _Atomic bool *cancel,
		     struct err *e)
{
	struct asked a = {
		.job = { .kind = kind,
			 .what = rq->cmd->name,
			 .run = asked_run,
			 .done = asked_done },
		.fn = fn,
		.arg = arg,
		.err = e,
	};

	if (kind == JOB_AGENT && request_may_agent(rq->m, v, e))
		return -1;
	pthread_mutex_init(&a.lock, NULL);
	pthread_cond_init(&a.cond, NULL);
	vcpu_submit(v, &a.job);
	while (!wait_tick(&a))
		watch_asked(rq, &a, v, cancel);
	pthread_cond_destroy(&a.cond);
	pthread_mutex_destroy(&a.lock);
	return a.ran ? a.result : request_not_run(rq->m, v, &a.patience, e);
}

int request_ask_agent(struct request *rq, request_agent_fn fn, void *arg,
		      bool must)
{
	const _Atomic bool *cancel = must ? NULL : &rq->job.cancelled;
	struct err first;

	for (unsigned int i = 0; i < rq->m->nr_vcpus; i++) {
		if (!request_ask_vcpu(rq, &rq->m->vcpus[i], JOB_AGENT, fn, arg,
				      cancel, &rq->err))
			return 0;
		if (!i)
			first = rq->err;
		if (rq->m->ending || (!must && request_cancelled(rq)))
			break;
	}
	rq->err = first;
	return -1;
}
