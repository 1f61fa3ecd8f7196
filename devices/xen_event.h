/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels as a poke: KVM_XEN_HVM_EVTCHN_SEND sets a port's bit in
 * shared_info, and where that was clear and the port is not masked, the bit of
 * its word in the vCPU's vcpu_info (arch/x86/kvm/xen.c, kvm_xen_set_evtchn_fast).
 */
#ifndef GPCVM_DEVICES_XEN_EVENT_H
#define GPCVM_DEVICES_XEN_EVENT_H

#include "pv/pv.h"
#include "vcpu/agent.h"

#define XEN_NR_PORTS 4096

struct xen_event {
	uint32_t port;
	uint64_t shinfo; /* the gpa that the guest looks at */
	bool armed;	 /* the guest has cleared its pending bit there */
	bool sent;
	bool raised; /* known to have gone from clear to pending */
	bool masked; /* by the guest; known where raised */
};

/* A port that was not used for longest; never 0. Any thread. */
uint32_t xen_event_port(struct pv_vm *pv);
/* The word of evtchn_pending[], and the bit of evtchn_pending_sel, of @port. */
unsigned int xen_event_word(uint32_t port);

/*
 * For what is seen elsewhere than in shared_info, on @v's thread in a
 * JOB_AGENT job: take a port, have the guest clear its bit, and send. What
 * does not work is left out: an event needs a shinfo that works, and is not
 * what is checked. -1 only if the guest did not come back.
 */
int xen_event_raise(struct pv_vm *pv, struct vcpu *v, struct xen_event *ev,
		    struct err *e);
/* Then, once it was looked for: was it raised? */
int xen_event_confirm(struct vcpu *v, struct xen_event *ev, struct err *e);

#endif
