// SPDX-License-Identifier: GPL-2.0-only
/* The vCPU's thread: run the guest, run jobs, wait. Requests by other threads are in
 * vcpu_ask.c. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "host/sigbus.h"
#include "vcpu/vcpu.h"
#include "vcpu/vcpu_sched.h"

#define VCPU_STACK (256 * KIB)
/* Interval at which a device is asked whether the guest may go on. */
#define DEVICE_NS  (10 * NS_PER_MS)

int vcpu_init(struct vcpu *v, unsigned int index, int fd, size_t run_size,
	      bool sync_regs, struct err *e)
{
	void *run;

	memset(v, 0, sizeof(*v));
	v->index = index;
	v->fd = fd;
	v->stats = -1;
	v->task = task_none(0);
	v->run_size = run_size;
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->cond, NULL);
	run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (run == MAP_FAILED)
		return err_os(e, errno, "mmap of vCPU %u", index);
	v->run = run;
	v->sync_regs = sync_regs;
	if (sync_regs)
		v->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	return 0;
}

void vcpu_free(struct vcpu *v)
{
	if (v->run)
		munmap(v->run, v->run_size);
	if (v->fd >= 0)
		close(v->fd);
	vcpu_sched_close(v);
	task_close(&v->task);
	pthread_mutex_destroy(&v->lock);
	pthread_cond_destroy(&v->cond);
}

/* ---- on its own thread -------------------------------------------------- */

static bool agent_here(const struct vcpu *v)
{
	return v->agent.waiting || v->agent.polling;
}

/* Take the first job that can run now. Lock held. */
static struct vcpu_job *take_job(struct vcpu *v, bool agent)
{
	struct vcpu_job *_Atomic *p, *job;

	for (p = &v->queue; (job = *p); p = &job->next) {
		if (job->kind == JOB_AGENT && !agent && !job->cancelled)
			continue;
		*p = job->next;
		return job;
	}
	return NULL;
}

/* Poll for a while before sleeping: the next job often follows closely, and waking an
 * idle CPU takes longer than most jobs. */
static void spin(struct vcpu *v)
{
	uint64_t until = now_ns() + v->spin_ns;

	while (!v->queue && !v->stop && now_ns() < until)
		__builtin_ia32_pause();
}

static enum vcpu_state why_waiting(const struct vcpu *v)
{
	if (v->hold)
		return VCPU_NEW;
	if (v->pause)
		return VCPU_PAUSED;
	if (v->wait)
		return VCPU_WRITING;
	return v->halted ? VCPU_HALTED : VCPU_IDLE;
}

static bool must_wait(const struct vcpu *v)
{
	return v->hold || v->pause || v->wait || v->halted || v->agent.waiting;
}

/* Wait for a request, or until it is time to poll a device. Lock held. */
static void wait_for_work(struct vcpu *v)
{
	struct timespec t;

	v->state = why_waiting(v);
	if (!v->wait) {
		pthread_cond_wait(&v->cond, &v->lock);
		return;
	}
	t = clock_at(now_ns() + DEVICE_NS);
	pthread_cond_clockwait(&v->cond, &v->lock, CLOCK_MONOTONIC, &t);
}

/* Only this thread sets it, so it may read it without the lock. */
static void vcpu_set_job(struct vcpu *v, struct vcpu_job *job, uint64_t since)
{
	pthread_mutex_lock(&v->lock);
	v->job = job;
	v->job_since = since;
	if (job && job->kind == JOB_AGENT) /* it enters the guest */
		v->state = VCPU_RUNNING;
	pthread_mutex_unlock(&v->lock);
}

static void finish_job(struct vcpu_job *job, struct vcpu *v, bool agent)
{
	bool run = !job->cancelled && (job->kind == JOB_HOST || agent);
	struct vcpu_job *outer = v->job;
	uint64_t since = v->job_since;

	if (run) {
		job->started = true;
		vcpu_set_job(v, job, now_ns());
		job->run(job, v);
		vcpu_set_job(v, outer, since);
	}
	/* Update the state before signalling completion. */
	pthread_mutex_lock(&v->lock);
	v->state = must_wait(v) ? why_waiting(v) : VCPU_RUNNING;
	pthread_mutex_unlock(&v->lock);
	v->jobs++;
	job->done(job, run);
}

/*
 * Everything between two entries: jobs, pause, the wait for work. @agent: JOB_AGENT
 * jobs may run (not inside another one). Returns when the guest is to be entered, or
 * the vCPU to stop.
 */
static void service(struct vcpu *v, bool agent)
{
	struct vcpu_job *job;

	pthread_mutex_lock(&v->lock);
	while (!v->stop) {
		bool can = agent && agent_here(v) && !v->pause && !v->hold;

		if (v->wait && !v->wait())
			v->wait = NULL;
		job = take_job(v, can);
		/* Wake a halted vCPU for the job: the agent comes to the
		 * doorbell after HLT. */
		if (!job && v->halted && v->queue && !v->pause && agent) {
			v->halted = false;
			break;
		}
		if (job) {
			pthread_mutex_unlock(&v->lock);
			finish_job(job, v, can);
			if (agent && v->agent.waiting && v->spin_ns)
				spin(v);
			pthread_mutex_lock(&v->lock);
			continue;
		}
		if (!must_wait(v) ||
		    (!agent && !v->pause && !v->hold && !v->wait))
			break;
		/* Paused inside an operation that is to be cancelled. */
		if (!agent && v->agent.cancel)
			break;
		wait_for_work(v);
	}
	v->state = VCPU_RUNNING;
	/* The kicks so far are answered; a later one comes after this. */
	__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&v->lock);
}

int vcpu_get_regs(struct vcpu *v, struct kvm_regs *r)
{
	if (!v->sync_regs || !v->entered)
		return kvm_get_regs(v->fd, r);
	*r = v->run->s.regs.regs;
	return 0;
}

int vcpu_set_regs(struct vcpu *v, const struct kvm_regs *r)
{
	if (!v->sync_regs || !v->entered)
		return kvm_set_regs(v->fd, r);
	v->run->s.regs.regs = *r;
	v->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
	return 0;
}

bool seen_is_news(struct seen_pages *s, uint64_t gpa, uint64_t generation)
{
	uint64_t page = gpa / PAGE_SIZE + 1;
	uint64_t *at = &s->pages[page % ARRAY_SIZE(s->pages)];
	bool news = *at != page || s->generation != generation;

	if (s->generation != generation)
		memset(s->pages, 0, sizeof(s->pages));
	s->generation = generation;
	*at = page;
	return news;
}

uintptr_t vcpu_take_bus(struct vcpu *v)
{
	return v->bus ? atomic_exchange(&v->bus, 0) : 0;
}

/* Find the exit reason for an error of KVM_RUN. */
static void failed_run(struct vcpu *v, int r)
{
	/* A memory fault is an exit reason together with one of these two errors
	 * (api.rst, KVM_EXIT_MEMORY_FAULT); any other error is fatal. */
	if ((r == -EFAULT || r == -EHWPOISON) &&
	    v->run->exit_reason == GPC_EXIT_MEMORY_FAULT) {
		v->fault_errno = -r;
		return;
	}
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
	v->run->hw.hardware_exit_reason = (uint64_t)r;
}

static enum step enter(struct vcpu *v)
{
	int r;

	v->in_run = true;
	r = v->stop ? -EINTR : kvm_run(v->fd);
	v->in_run = false;
	/* An exchange: who cleared a kick sees what it was about. */
	__atomic_exchange_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	v->entered = true;
	v->runs++;
	if (r == -EINTR || r == -EAGAIN) {
		if (!v->bus)
			return STEP_GO;
		v->run->exit_reason = VCPU_EXIT_SIGBUS;
		r = 0;
	}
	v->exits++;
	v->fault_errno = EFAULT;
	if (r < 0)
		failed_run(v, r);
	return v->exit(v, v->exit_arg);
}

enum step vcpu_step(struct vcpu *v)
{
	/* A kick that comes after this look sets immediate_exit. */
	if (v->queue || v->pause || v->stop || v->wait)
		service(v, false);
	if (v->stop)
		return STEP_END;
	if ((v->pause || v->wait) && v->agent.cancel)
		return STEP_GO;
	return enter(v);
}

/* Answer a poll without (more) work: rax 0 is OP_NONE, and the guest goes on. */
static void answer_poll(struct vcpu *v)
{
	struct kvm_regs regs;

	if (!v->agent.polling)
		return;
	v->agent.polling = false;
	if (!vcpu_get_regs(v, &regs)) {
		regs.rax = 0;
		vcpu_set_regs(v, &regs);
	}
}

static void vcpu_end(struct vcpu *v)
{
	struct vcpu_job *job, *next;

	pthread_mutex_lock(&v->lock);
	v->state = VCPU_ENDED;
	job = v->queue;
	v->queue = NULL;
	pthread_mutex_unlock(&v->lock);
	for (; job; job = next) {
		next = job->next;
		job->done(job, false);
	}
}

static void *thread(void *arg)
{
	struct vcpu *v = arg;

	if (v->first)
		v->first(v->first_arg);
	sigbus_catch(&v->bus);
	pthread_mutex_lock(&v->lock);
	v->tid = gettid();
	if (!v->hold)
		v->state = VCPU_RUNNING;
	pthread_mutex_unlock(&v->lock);
	pthread_cond_broadcast(&v->cond);
	while (!v->stop) {
		if (v->queue || v->pause || must_wait(v))
			service(v, true);
		answer_poll(v);
		if (v->stop || enter(v) == STEP_END)
			break;
	}
	vcpu_end(v);
	return NULL;
}

int vcpu_start(struct vcpu *v, void (*first)(void *arg), void *arg,
	       struct err *e)
{
	pthread_attr_t attr;
	int r;

	v->first = first;
	v->first_arg = arg;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, VCPU_STACK);
	pthread_mutex_lock(&v->lock);
	r = pthread_create(&v->thread, &attr, thread, v);
	v->started = !r;
	pthread_mutex_unlock(&v->lock);
	pthread_attr_destroy(&attr);
	return r ? err_os(e, r, "the thread of vCPU %u", v->index) : 0;
}
