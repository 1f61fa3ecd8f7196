/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels as a poke: KVM_XEN_HVM_EVTCHN_SEND sets a port's bit in
 * shared_info. If the bit was clear and the port is not masked, it also sets
 * the bit of its word in the vCPU's vcpu_info (arch/x86/kvm/xen.c,
 * kvm_xen_set_evtchn_fast).
 */
#ifndef GPCVM_DEVICES_XEN_EVENT_H
#define GPCVM_DEVICES_XEN_EVENT_H

#include "pv/pv.h"
#include "vcpu/agent.h"

#define XEN_NR_PORTS 4096

struct xen_event {
	uint32_t port;
	uint64_t shinfo; /* the gpa that the guest reads */
	bool armed;	 /* the guest has cleared its pending bit */
	bool sent;
	bool raised; /* confirmed to have gone from clear to pending */
	bool masked; /* by the guest; valid if raised */
};

/* A kind's activate: give KVM the page's gpa, gfn (if per VM) or hva. */
int xen_activate(struct pv_page *p, struct vcpu *v, const struct pv_where *to,
		 struct err *e);

/* Return the least recently used port; never 0. Any thread. */
uint32_t xen_event_port(struct pv_vm *pv);
/* Return the port's index in evtchn_pending[], which is its
 * bit in evtchn_pending_sel. */
unsigned int xen_event_word(uint32_t port);

/*
 * Take a port, have the guest clear its bit, and send the event, for checks of
 * pages other than shared_info. Runs on @v's thread in a JOB_AGENT job.
 * Failures are not reported: an event needs a working shinfo, which is not
 * under check. Returns -1 only if the guest did not return.
 */
int xen_event_raise(struct pv_vm *pv, struct vcpu *v, struct xen_event *ev,
		    struct err *e);
/* After the check, find out whether the event was raised. */
int xen_event_confirm(struct vcpu *v, struct xen_event *ev, struct err *e);

#endif
