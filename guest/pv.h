/* SPDX-License-Identifier: GPL-2.0-only */
/* The pages that KVM writes for the guest, with consistent readers.
 * (Documentation/virt/kvm/x86/msr.rst) */
#ifndef GPCVM_GUEST_PV_H
#define GPCVM_GUEST_PV_H

#include <asm/kvm_para.h>

#include "guest.h"

struct pvclock_vcpu_time_info {
	uint32_t version; /* odd while KVM writes */
	uint32_t pad0;
	uint64_t tsc_timestamp;
	uint64_t system_time;
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags;
	uint8_t pad[2];
};

_Static_assert(sizeof(struct pvclock_vcpu_time_info) == 32, "KVM's ABI");

struct clock_copy {
	struct pvclock_vcpu_time_info t;
	uint64_t tsc;
	uint32_t tries;
};

struct steal_copy {
	uint64_t steal;
	uint32_t version, flags;
	uint8_t preempted;
	uint32_t tries;
};

/* Returns false if OP_TRIES tries gave no consistent copy; @c is the last. */
bool pv_read_clock(uint64_t gpa, struct clock_copy *c);
bool pv_read_steal(uint64_t gpa, struct steal_copy *c);

/* Return where the value of @msr is kept for the watch, or NULL. */
uint64_t *pv_watched(struct percpu *pc, uint32_t msr);

/* Return the clock at c->tsc, in ns. */
uint64_t pv_clock_ns(const struct clock_copy *c);

#endif
