/* SPDX-License-Identifier: GPL-2.0-only */
/* How the host's scheduler treats a vCPU's thread. */
#ifndef GPCVM_VCPU_SCHED_H
#define GPCVM_VCPU_SCHED_H

#include "vcpu/vcpu.h"

void vcpu_sched_close(struct vcpu *v);
/* Time for which the thread has waited for a CPU, ns: KVM's source of steal time.
 * -errno. */
int vcpu_run_delay(const struct vcpu *v, uint64_t *ns);

/* KVM's counts of the vCPU's preemptions. */
struct vcpu_preempted {
	uint64_t in_guest;  /* between two of its instructions */
	uint64_t elsewhere; /* not reported to the guest */
};

/* Open KVM's statistics, once. vCPU thread. -errno. */
int vcpu_stats_open(struct vcpu *v);
int vcpu_preempted(const struct vcpu *v, struct vcpu_preempted *n);

#endif
