/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host's scheduler does to a vCPU's thread. */
#ifndef GPCVM_VCPU_SCHED_H
#define GPCVM_VCPU_SCHED_H

#include "vcpu/vcpu.h"

void vcpu_sched_close(struct vcpu *v);
/* How long the thread has waited for a CPU, ns: what KVM makes steal time of.
 * -errno. */
int vcpu_run_delay(const struct vcpu *v, uint64_t *ns);

/* How often KVM has seen the vCPU being preempted. */
struct vcpu_preempted {
	uint64_t in_guest;  /* between two of its instructions */
	uint64_t elsewhere; /* of these the guest is not told */
};

/* Have KVM's statistics opened: once, on the vCPU's thread. -errno. */
int vcpu_stats_open(struct vcpu *v);
int vcpu_preempted(const struct vcpu *v, struct vcpu_preempted *n);

#endif
