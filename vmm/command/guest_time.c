// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux's raw monotonic time follows its clocksource, kvm-clock, and so does
 * the answer of KVM_GET_CLOCK, including every step made by KVM_SET_CLOCK. If
 * they do not advance alike, the guest's clock is wrong.
 */
#include "command/guest_time.h"
#include "vcpu/agent.h"

/* Return the part of @diff that exceeds @slack in either direction. */
static int64_t excess(int64_t diff, uint64_t slack)
{
	if (diff > (int64_t)slack)
		return diff - (int64_t)slack;
	return diff < -(int64_t)slack ? diff + (int64_t)slack : 0;
}

/* Compare @ahead, the guest's time minus the VM's at the middle of the reading,
 * with that of the first reading. */
static void against_first(struct session *s, int64_t ahead, uint64_t slack,
			  struct guest_time *t)
{
	struct time_base *b = &s->time_base;

	pthread_mutex_lock(&s->m->pv.clock_lock);
	if (!b->there)
		*b = (struct time_base){ true, ahead, slack };
	t->unsure = slack + b->slack;
	t->drift = excess(ahead - b->ahead, t->unsure);
	pthread_mutex_unlock(&s->m->pv.clock_lock);
}

int guest_time(struct session *s, struct vcpu *v, struct guest_time *t,
	       struct err *e)
{
	struct agent_op op = { .op = OP_TIME };
	struct kvm_clock_data before, after;

	if (pv_get_clock(&s->m->pv, &before, e) || agent_do(v, &op, e) ||
	    pv_get_clock(&s->m->pv, &after, e))
		return -1;
	t->guest = op.out[1];
	t->clock = after.clock;
	against_first(s,
		      (int64_t)(op.out[1] - before.clock / 2 - after.clock / 2),
		      (after.clock - before.clock) / 2 + 1, t);
	return 0;
}
