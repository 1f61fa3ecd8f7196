/* SPDX-License-Identifier: GPL-2.0-only */
/* Limits of what a client may make the guest do to itself. */
#ifndef GPCVM_GUEST_GUARD_H
#define GPCVM_GUEST_GUARD_H

#include "machine/machine.h"
#include "vcpu/agent.h"

/* Refuse (state), unless --no-guard, an MSR write that would break the guest or
 * make KVM write to the guest's own memory. */
int guest_guard_msr(struct machine *m, uint32_t msr, uint64_t value,
		    struct err *e);
/* The same for a hypercall. @arg: number, a0..a3. */
int guest_guard_hypercall(struct machine *m, const uint64_t arg[5],
			  struct err *e);

#endif
