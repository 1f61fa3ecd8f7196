/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_VCPU_PREEMPTED in the steal time area: KVM sets it when the vCPU's thread
 * is preempted and clears it when the vCPU enters the guest again
 * (arch/x86/kvm/x86.c, kvm_steal_time_set_preempted). The guest itself never
 * sees it set. So the vCPU's thread is pinned to one CPU while the guest spins,
 * and another thread wakes up on that CPU from time to time: while that one
 * runs, the vCPU is preempted.
 */
#ifndef GPCVM_DEVICES_PV_PREEMPT_H
#define GPCVM_DEVICES_PV_PREEMPT_H

#include "pv/pv.h"

enum preempt_seen {
	PREEMPT_UNKNOWN, /* for the reason in @why */
	PREEMPT_SET,
	PREEMPT_NEVER, /* although KVM counted preemptions */
};

/* Watch the byte at @offset in the page. Runs on the vCPU's thread, in a
 * JOB_AGENT job. Returns -1 if the guest did not return. */
int preempt_look(struct pv_page *p, struct vcpu *v, uint64_t offset,
		 enum preempt_seen *seen, char why[static 160], struct err *e);

#endif
