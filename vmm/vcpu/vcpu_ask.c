// SPDX-License-Identifier: GPL-2.0-only
/* Requests by other threads to a vCPU, and the kick that makes it look at them. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "vcpu/vcpu.h"

#define SIGKICK (SIGRTMIN + 1)

static void on_kick(int sig)
{
	/* It only interrupts KVM_RUN. */
	(void)sig;
}

void vcpu_signals(void)
{
	struct sigaction sa = { .sa_handler = on_kick };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGKICK, &sa, NULL);
}

const char *vcpu_state_name(enum vcpu_state s)
{
	static const char *const names[] = {
		[VCPU_NEW] = "new",	  [VCPU_RUNNING] = "running",
		[VCPU_IDLE] = "idle",	  [VCPU_HALTED] = "halted",
		[VCPU_PAUSED] = "paused", [VCPU_WRITING] = "writing",
		[VCPU_ENDED] = "ended",
	};

	return names[s];
}

enum vcpu_state vcpu_state(struct vcpu *v)
{
	enum vcpu_state s;

	pthread_mutex_lock(&v->lock);
	s = v->state;
	pthread_mutex_unlock(&v->lock);
	return s;
}

pid_t vcpu_tid(struct vcpu *v)
{
	pid_t tid;

	pthread_mutex_lock(&v->lock);
	while (!v->tid)
		pthread_cond_wait(&v->cond, &v->lock);
	tid = v->tid;
	pthread_mutex_unlock(&v->lock);
	return tid;
}

void vcpu_set_task(struct vcpu *v, const struct task_files *f)
{
	pthread_mutex_lock(&v->lock);
	task_close(&v->task);
	v->task = *f;
	pthread_mutex_unlock(&v->lock);
}

struct task_times vcpu_times(struct vcpu *v)
{
	struct task_files task;

	pthread_mutex_lock(&v->lock);
	task = v->task;
	pthread_mutex_unlock(&v->lock);
	return task_times(&task);
}

void vcpu_doing(struct vcpu *v, uint64_t now, char *buf, size_t len)
{
	char where[200], job[96] = "";
	struct task_files task;
	unsigned int queued = 0;
	enum vcpu_state state;

	pthread_mutex_lock(&v->lock);
	task = v->task;
	state = v->state;
	for (const struct vcpu_job *j = v->queue; j; j = j->next)
		queued++;
	if (v->job)
		snprintf(job, sizeof(job), ", '%s' has run for %llu ms",
			 v->job->what ?: "a job",
			 (unsigned long long)(now - v->job_since) / NS_PER_MS);
	pthread_mutex_unlock(&v->lock);
	task_where(&task, where, sizeof(where));
	snprintf(buf, len, "it is %s, %u in its queue%s; %s",
		 vcpu_state_name(state), queued, job, where);
}

/*
 * How no kick is lost. The kicking thread writes the news (a job, a flag), then
 * immediate_exit, then reads in_run. The vCPU's thread writes in_run, and KVM
 * then looks at immediate_exit. Each writes the one and reads the other, so no
 * read may come before its own write is seen: otherwise both writes may be in
 * store buffers (Intel SDM vol. 3, 9.2.3.4), the kick finds nobody to signal, and
 * the guest is entered. Here both are sequentially consistent; KVM's side of it
 * is the mutex in kvm_vcpu_ioctl() (virt/kvm/kvm_main.c), whose lock is a full
 * barrier.
 *
 * Back from KVM_RUN the thread clears immediate_exit with an exchange: either it
 * clears a kick, and sees its news at the next look, or the kick comes after and
 * KVM_RUN returns at once. A thread that sleeps, or clears it in
 * service(), holds v->lock, as every kick does.
 */
/* Lock held. Call pthread_cond_broadcast() after it, without the lock: the thread that
 * wakes up needs it. */
static void interrupt(struct vcpu *v)
{
	if (!v->started)
		return;
	/* immediate_exit closes the gap between the vCPU's last look at its
	 * flags and KVM_RUN (Documentation/virt/kvm/api.rst, KVM_RUN). */
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (v->in_run)
		pthread_kill(v->thread, SIGKICK);
}

void vcpu_kick(struct vcpu *v)
{
	pthread_mutex_lock(&v->lock);
	interrupt(v);
	pthread_mutex_unlock(&v->lock);
	pthread_cond_broadcast(&v->cond);
}

void vcpu_submit(struct vcpu *v, struct vcpu_job *job)
{
	struct vcpu_job *_Atomic *tail;
	bool ended;

	job->next = NULL;
	job->started = false;
	job->queued_ns = now_ns();
	pthread_mutex_lock(&v->lock);
	ended = v->state == VCPU_ENDED;
	if (!ended) {
		for (tail = &v->queue; *tail; tail = &(*tail)->next)
			;
		*tail = job;
		interrupt(v);
	}
	pthread_mutex_unlock(&v->lock);
	if (ended)
		job->done(job, false);
	else
		pthread_cond_broadcast(&v->cond);
}

bool vcpu_pausing(struct vcpu *v)
{
	bool r;

	pthread_mutex_lock(&v->lock);
	r = v->pause;
	pthread_mutex_unlock(&v->lock);
	return r;
}

void vcpu_pause(struct vcpu *v, bool pause)
{
	pthread_mutex_lock(&v->lock);
	v->pause = pause;
	/* An operation that was cancelled in the pause goes on now. */
	if (!pause)
		v->agent.lost = false;
	interrupt(v);
	pthread_mutex_unlock(&v->lock);
	pthread_cond_broadcast(&v->cond);
}

bool vcpu_claim(struct vcpu *v)
{
	bool mine;

	pthread_mutex_lock(&v->lock);
	mine = v->hold && !v->claimed;
	v->claimed = true;
	pthread_mutex_unlock(&v->lock);
	return mine;
}

void vcpu_release(struct vcpu *v)
{
	pthread_mutex_lock(&v->lock);
	v->hold = false;
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
}

void vcpu_stop(struct vcpu *v)
{
	v->stop = true;
	vcpu_kick(v);
}

int vcpu_pin(struct vcpu *v, unsigned int cpu)
{
	cpu_set_t set;

	if (cpu >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	v->pins++;
	return -pthread_setaffinity_np(v->thread, sizeof(set), &set);
}
