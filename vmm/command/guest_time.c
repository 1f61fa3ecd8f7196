// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linux's raw monotonic time follows its clocksource, kvm-clock, and so does
 * the answer of KVM_GET_CLOCK, including every step made by KVM_SET_CLOCK. If
 * they do not advance alike, the guest's clock is wrong.
 */
#include "base/clock.h"
#include "command/guest_time.h"
#include "kvm/kvm.h"
#include "vcpu/agent.h"

static int read_clock(struct machine *m, uint64_t *ns, struct err *e)
{
	struct kvm_clock_data d = { 0 };
	int r = kvm_get_clock(m->vm, &d);

	if (r < 0)
		return err_kvm(e, -r, "KVM_GET_CLOCK");
	*ns = d.clock;
	return 0;
}

/* Return the part of @diff that exceeds @slack in either direction. */
static int64_t beyond(int64_t diff, uint64_t slack)
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
	t->drift = beyond(ahead - b->ahead, t->unsure);
	pthread_mutex_unlock(&s->m->pv.clock_lock);
}

int guest_time(struct session *s, struct vcpu *v, struct guest_time *t,
	       struct err *e)
{
	struct agent_op op = { .op = OP_TIME };
	uint64_t before, after;

	if (read_clock(s->m, &before, e) || agent_do(v, &op, e) ||
	    read_clock(s->m, &after, e))
		return -1;
	t->guest = op.out[1];
	t->clock = after;
	against_first(s, (int64_t)(op.out[1] - before / 2 - after / 2),
		      (after - before) / 2 + 1, t);
	return 0;
}
