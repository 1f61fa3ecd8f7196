/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_VCPU_PREEMPTED in the steal time area: KVM sets it when the vCPU's thread
 * loses its CPU to another one, and clears it when the vCPU enters the guest
 * again (arch/x86/kvm/x86.c, kvm_steal_time_set_preempted). The guest itself
 * never sees it. So the thread is kept on one CPU while the guest spins, and
 * another thread comes to that CPU now and then: when that one runs, the vCPU
 * does not.
 */
#ifndef GPCVM_DEVICES_PV_PREEMPT_H
#define GPCVM_DEVICES_PV_PREEMPT_H

#include "pv/pv.h"

enum preempt_seen {
	PREEMPT_UNKNOWN, /* why says it */
	PREEMPT_SET,
	PREEMPT_NEVER, /* though KVM counted the preemptions */
};

/* @offset of the byte in the page. On the vCPU's thread, in a JOB_AGENT job. -1
 * where the guest did not come back. */
int preempt_look(struct pv_page *p, struct vcpu *v, uint64_t offset,
		 enum preempt_seen *seen, char why[static 160], struct err *e);

#endif
