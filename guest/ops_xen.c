// SPDX-License-Identifier: GPL-2.0-only
/* Operations on the pages of Xen guests, in their 64-bit layouts: Linux,
 * include/xen/interface/xen.h and vcpu.h. */
#include "guest.h"

#define NR_PORTS       4096
#define RUNSTATE_WRITE (1ULL << 63) /* XEN_RUNSTATE_UPDATE */

struct shared_info {
	uint8_t vcpu_info[32][64];
	word64 pending[64], mask[64];
	uint32_t wc_version, wc_sec, wc_nsec, wc_sec_hi;
};

struct vcpu_info {
	uint8_t upcall_pending, upcall_mask, pad[6];
	word64 pending_sel;
};

struct vcpu_runstate_info {
	uint32_t state, pad;
	uint64_t entry_time, time[4];
};

_Static_assert(offsetof(struct shared_info, wc_version) == 0xc00, "Xen's ABI");
_Static_assert(sizeof(struct vcpu_runstate_info) == 48, "Xen's ABI");

/*
 * Clear @bits of *@p and return its old value. KVM may set other bits
 * meanwhile, so this is a locked access. All ones means that there is no
 * memory, for which KVM would warn about a locked access
 * (emulator_cmpxchg_emulated): use a plain one.
 */
static uint64_t take_bits(volatile word64 *p, uint64_t bits)
{
	uint64_t was = *p;

	if (was == ~0ULL)
		*p = ~bits;
	else if (was & bits)
		asm volatile("lock; andq %1, %0" : "+m"(*p) : "r"(~bits));
	return was & bits;
}

static bool take_port(struct shared_info *s, uint64_t port)
{
	return port && take_bits(&s->pending[port / 64], 1ULL << port % 64);
}

uint64_t op_evtchn(struct percpu *pc, uint64_t *w)
{
	struct shared_info *s = (void *)w[0];
	const volatile struct shared_info *r = s;
	uint64_t port = w[1], other = w[2];

	if (port >= NR_PORTS || other >= NR_PORTS ||
	    !map_range(pc->m, w[0], sizeof(*s)))
		return ST_BAD_OP;
	w[1] = take_port(s, port);
	if (take_port(s, other))
		w[1] |= 2;
	w[2] = r->mask[port / 64] >> port % 64 & 1;
	w[3] = r->wc_version;
	w[4] = r->wc_sec | (uint64_t)r->wc_sec_hi << 32;
	w[5] = r->wc_nsec;
	return ST_OK;
}

/*
 * Exit once in a way that KVM handles itself: it then delivers pending events
 * (arch/x86/kvm/x86.c, vcpu_run). An exit to the doorbell is not handled by
 * KVM, CPUID is.
 */
static void leave_for_kvm(void)
{
	uint32_t a = 0, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

uint64_t op_upcall(struct percpu *pc, uint64_t *w)
{
	volatile struct vcpu_info *v = (void *)w[0];

	if (!map_range(pc->m, w[0], sizeof(*v)))
		return ST_BAD_OP;
	leave_for_kvm();
	/* Clear in this order: KVM sets them in the opposite order. */
	w[2] = v->upcall_pending | (uint64_t)v->upcall_mask << 8;
	v->upcall_pending = 0;
	w[1] = take_bits(&v->pending_sel, ~0ULL);
	return ST_OK;
}

uint64_t op_runstate(struct percpu *pc, uint64_t *w)
{
	const volatile struct vcpu_runstate_info *r = (void *)w[0];

	if (!map_range(pc->m, w[0], sizeof(*r)))
		return ST_BAD_OP;
	for (w[7] = 1;; w[7]++) {
		w[2] = r->entry_time;
		barrier();
		w[1] = r->state;
		for (int i = 0; i < 4; i++)
			w[3 + i] = r->time[i];
		barrier();
		if (!(w[2] & RUNSTATE_WRITE) && r->entry_time == w[2])
			return ST_OK;
		if (w[7] == OP_TRIES)
			return ST_TORN;
	}
}
