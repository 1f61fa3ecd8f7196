// SPDX-License-Identifier: GPL-2.0-only
/* Reads kvm-clock and steal time. */
#include "pv.h"

/* Return where clockwatch keeps the value of @msr, or NULL. */
uint64_t *pv_watched(struct percpu *pc, uint32_t msr)
{
	switch (msr) {
	case MSR_KVM_SYSTEM_TIME_NEW:
		return &pc->clock;
	case MSR_KVM_STEAL_TIME:
		return &pc->steal;
	default:
		return NULL;
	}
}

bool pv_read_clock(uint64_t gpa, struct clock_copy *c)
{
	const volatile struct pvclock_vcpu_time_info *p = (void *)gpa;

	for (c->tries = 1;; c->tries++) {
		c->t.version = p->version;
		barrier();
		c->t.tsc_timestamp = p->tsc_timestamp;
		c->t.system_time = p->system_time;
		c->t.tsc_to_system_mul = p->tsc_to_system_mul;
		c->t.tsc_shift = p->tsc_shift;
		c->t.flags = p->flags;
		c->t.pad0 = p->pad0;
		c->t.pad[0] = p->pad[0];
		c->t.pad[1] = p->pad[1];
		c->tsc = rdtsc();
		if (!(c->t.version & 1) && p->version == c->t.version)
			return true;
		if (c->tries == OP_TRIES)
			return false;
	}
}

bool pv_read_steal(uint64_t gpa, struct steal_copy *c)
{
	const volatile struct kvm_steal_time *p = (void *)gpa;

	for (c->tries = 1;; c->tries++) {
		c->version = p->version;
		barrier();
		c->steal = p->steal;
		c->flags = p->flags;
		c->preempted = p->preempted;
		barrier();
		if (!(c->version & 1) && p->version == c->version)
			return true;
		if (c->tries == OP_TRIES)
			return false;
	}
}

/* Linux, arch/x86/include/asm/pvclock.h: pvclock_scale_delta() */
uint64_t pv_clock_ns(const struct clock_copy *c)
{
	uint64_t delta = c->tsc - c->t.tsc_timestamp;

	/* KVM never sets a shift of 64 or more, which would be undefined
	 * here. */
	if (c->t.tsc_shift < 0)
		delta >>= -c->t.tsc_shift & 63;
	else
		delta <<= c->t.tsc_shift & 63;
	return c->t.system_time +
	       (uint64_t)((unsigned __int128)delta * c->t.tsc_to_system_mul >>
			  32);
}

uint64_t op_clock(struct percpu *pc, uint64_t *w)
{
	struct clock_copy c;
	bool ok;

	if (!map_range(pc->m, w[0], sizeof(c.t)))
		return ST_BAD_OP;
	ok = pv_read_clock(w[0], &c);
	w[1] = c.t.version;
	w[2] = c.t.tsc_timestamp;
	w[3] = c.t.system_time;
	w[4] = c.t.tsc_to_system_mul | (uint64_t)(uint8_t)c.t.tsc_shift << 32 |
	       (uint64_t)c.t.flags << 40;
	w[5] = c.tsc;
	w[6] = c.tries;
	w[7] = c.t.pad0 | (uint64_t)c.t.pad[0] << 32 |
	       (uint64_t)c.t.pad[1] << 40;
	return ok ? ST_OK : ST_TORN;
}

uint64_t op_steal(struct percpu *pc, uint64_t *w)
{
	volatile struct kvm_steal_time *p = (void *)w[0];
	struct steal_copy c;
	bool ok;

	if (!map_range(pc->m, w[0], sizeof(*p)))
		return ST_BAD_OP;
	ok = pv_read_steal(w[0], &c);
	/* KVM writes only while this vCPU is outside the guest: nothing gets
	 * lost. */
	if (ok && w[1])
		p->version = (uint32_t)w[1];
	w[1] = c.version;
	w[2] = c.steal;
	w[3] = c.flags | (uint64_t)c.preempted << 32;
	w[4] = c.tries;
	return ok ? ST_OK : ST_TORN;
}
