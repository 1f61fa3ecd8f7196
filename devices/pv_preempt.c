// SPDX-License-Identifier: GPL-2.0-only
#include <asm/kvm_para.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "devices/pv_preempt.h"
#include "vcpu/agent.h"
#include "vcpu/vcpu_sched.h"

/* Number of looks that prove "never set", and the maximum number of looks. */
#define PROOFS	    8
#define LOOKS	    64
/* Number of looks that only make the vCPU wait for its CPU. */
#define BLIND	    2
/* Number of looks in which KVM counted preemptions, but none in the guest,
 * after which KVM is assumed not to report preemptions to its guests. One look
 * per check then suffices to notice a change. */
#define UNTOLD	    8
#define NAP_NS	    100000
#define SPIN_TICKS  2000000
#define STACK_BYTES (64 * KIB)

struct observer {
	struct pv_page *page;
	struct vcpu *vcpu;
	uint64_t gpa;		    /* of the byte */
	_Atomic unsigned int turns; /* odd while the guest spins */
	unsigned int looks, proofs, told, untold;
	bool set;
	bool unseen; /* the host cannot read the byte */
	_Atomic bool over;
};

/* While this thread runs, the vCPU's thread is off this CPU. */
static void observer_look(struct observer *o)
{
	const struct memory *m = o->page->vm->memory;
	const uint64_t changes = m->changes;
	const bool still = !o->page->vm->model.under_way;
	const struct timespec nap = { .tv_nsec = NAP_NS };
	const unsigned int turn = o->turns;
	struct vcpu_preempted before, now;
	uint64_t pages;
	uint8_t byte;

	if (vcpu_preempted(o->vcpu, &before))
		return;
	nanosleep(&nap, NULL);
	if (vcpu_preempted(o->vcpu, &now))
		return;
	o->unseen = o->unseen ||
		    memory_peek(o->page->vm->memory, o->gpa, &byte, 1, &pages,
				NULL) ||
		    !pages;
	if (o->unseen)
		return;
	o->set = byte & KVM_VCPU_PREEMPTED;
	o->told += now.in_guest != before.in_guest;
	o->untold += now.elsewhere != before.elsewhere;
	/* A proof needs all preemptions of one turn to be reported to the
	 * guest, and no slot change: KVM skips a cache that predates one. */
	o->proofs += still && !o->page->vm->model.under_way &&
		     changes == m->changes && turn & 1 && turn == o->turns &&
		     now.in_guest != before.in_guest &&
		     now.elsewhere == before.elsewhere;
}

static void *observer_main(void *arg)
{
	struct observer *o = arg;

	const unsigned int untold = o->vcpu->untold ? 1 : UNTOLD;

	while (!o->over && !o->set && o->looks < (o->unseen ? BLIND : LOOKS) &&
	       o->proofs < PROOFS && (o->told || o->untold < untold)) {
		o->looks++;
		observer_look(o);
	}
	o->vcpu->untold = !o->told && o->untold >= untold;
	o->over = true;
	return NULL;
}

static int observer_start(struct observer *o, const cpu_set_t *here,
			  pthread_t *thread)
{
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	r = pthread_attr_setaffinity_np(&attr, sizeof(*here), here);
	if (!r)
		r = pthread_create(thread, &attr, observer_main, o);
	pthread_attr_destroy(&attr);
	return r;
}

/* Keep the guest in a loop until the observer has finished. */
static int observer_feed(struct observer *o, struct err *e)
{
	int r = 0;

	while (!r && !o->over) {
		struct agent_op op = { .op = OP_SPIN, .in = { SPIN_TICKS } };

		o->turns++;
		r = agent_do(o->vcpu, &op, e);
		o->turns++;
	}
	o->over = true;
	return r;
}

static enum preempt_seen preempt_judge(const struct observer *o,
				       char why[static 160])
{
	if (o->set)
		return PREEMPT_SET;
	if (o->unseen)
		snprintf(why, 160, "the host cannot read the guest's page");
	else if (o->proofs >= PROOFS)
		return PREEMPT_NEVER;
	else if (!o->told)
		snprintf(why, 160,
			 "this KVM does not report preemptions to its guests "
			 "(preemption_other grows, preemption_reported does "
			 "not)");
	else
		snprintf(why, 160,
			 "the vCPU was preempted outside the guest in %u looks",
			 o->looks);
	return PREEMPT_UNKNOWN;
}

/* Run both threads on the vCPU's current CPU. Restore the affinity afterwards,
 * unless `vcpu pin` changed it meanwhile. */
static int on_one_cpu(struct observer *o, int *failed, struct err *e)
{
	const unsigned int pins = o->vcpu->pins;
	const int cpu = sched_getcpu();
	cpu_set_t was, here;
	pthread_t thread;
	int r = 0;

	CPU_ZERO(&here);
	if (cpu >= 0)
		CPU_SET(cpu, &here);
	if (cpu < 0 || sched_getaffinity(0, sizeof(was), &was) ||
	    sched_setaffinity(0, sizeof(here), &here)) {
		*failed = errno;
		return 0;
	}
	*failed = observer_start(o, &here, &thread);
	if (!*failed) {
		r = observer_feed(o, e);
		pthread_join(thread, NULL);
	}
	if (o->vcpu->pins == pins)
		sched_setaffinity(0, sizeof(was), &was);
	return r;
}

int preempt_look(struct pv_page *p, struct vcpu *v, uint64_t offset,
		 enum preempt_seen *seen, char why[static 160], struct err *e)
{
	const uint64_t gpa = p->gpa;
	struct observer o = {
		.page = p,
		.vcpu = v,
		.gpa = gpa + offset,
		/* For private memory the host would read the alias. */
		.unseen = memory_is_private(p->vm->memory, gpa),
	};
	int failed = 0, r;

	*seen = PREEMPT_UNKNOWN;
	r = vcpu_stats_open(v);
	if (r) {
		snprintf(why, 160, "this KVM has no preemption statistics: %s",
			 strerrordesc_np(-r));
		return 0;
	}
	r = on_one_cpu(&o, &failed, e);
	if (failed)
		snprintf(why, 160, "cannot run a thread on the vCPU's CPU: %s",
			 strerrordesc_np(failed));
	else
		*seen = preempt_judge(&o, why);
	return r;
}
