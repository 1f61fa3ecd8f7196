// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen's vcpu_info: KVM caches it in a gpc by gpa or hva
 * (vcpu->arch.xen.vcpu_info_cache). It writes the clock in it like kvm-clock,
 * and evtchn_upcall_pending and evtchn_pending_sel when an event is sent to the
 * vCPU. If the page cannot be mapped at that time, the vCPU writes them later:
 * arch/x86/kvm/xen.c, kvm_xen_inject_pending_events().
 */
#include <inttypes.h>
#include <stdio.h>

#include "devices/devices.h"
#include "devices/pv_read.h"
#include "devices/pv_vcpuinfo.h"
#include "devices/pvclock.h"

static int vcpuinfo_poke(struct pv_page *p, struct vcpu *v, struct json *j,
			 struct err *e)
{
	struct xen_event ev;

	if (xen_event_raise(p->vm, v, &ev, e))
		return -1;
	if (ev.sent)
		json_num(j, "port", ev.port);
	return pvclock_poke(p, v, j, e);
}

static enum pv_verdict judge_event(const struct vcpuinfo_event *x,
				   char why[static 160])
{
	const uint64_t sel = x->op.out[1], upcall = x->op.out[2] & 0xff;
	const unsigned int bit = xen_event_word(x->ev.port);
	enum pv_verdict verdict;

	if (!pv_readable(&x->op, &verdict, why))
		return verdict;
	/* An event that is not raised in shared_info proves nothing here. */
	if (!x->ev.raised || x->ev.masked)
		return VERDICT_FRESH;
	if (!(sel >> bit & 1)) {
		snprintf(why, 160,
			 "port %u is pending in shared_info, but bit %u of "
			 "evtchn_pending_sel, 0x%" PRIx64 ", is clear",
			 x->ev.port, bit, sel);
		return VERDICT_STALE;
	}
	if (!upcall) {
		snprintf(why, 160,
			 "evtchn_pending_sel is 0x%" PRIx64
			 ", but evtchn_upcall_pending is 0",
			 sel);
		return VERDICT_TORN;
	}
	return VERDICT_FRESH;
}

enum pv_verdict vcpuinfo_judge(enum pv_verdict clock,
			       const struct vcpuinfo_event events[2],
			       char why[static 160])
{
	enum pv_verdict verdict = clock;

	for (int i = 0; i < 2 && verdict == VERDICT_FRESH; i++)
		verdict = judge_event(&events[i], why);
	return verdict;
}

static void upcall_json(const struct vcpuinfo_event *x, struct json *j)
{
	json_object(j, "upcall");
	if (x->ev.sent)
		json_num(j, "port", x->ev.port);
	json_str(j, "state",
		 !x->ev.sent	? "not sent"
		 : x->ev.masked ? "masked"
		 : x->ev.raised ? "raised"
				: "not seen in shinfo");
	if (x->op.out[0] == ST_OK) {
		json_hex(j, "pending_sel", x->op.out[1]);
		json_num(j, "upcall_pending", x->op.out[2] & 0xff);
	}
	json_object_end(j);
}

/* Have the guest read and clear the event, then confirm that it was raised. */
static int take_event(struct vcpu *v, uint64_t gpa, struct vcpuinfo_event *x,
		      struct err *e)
{
	x->op = (struct agent_op){ .op = OP_UPCALL, .in = { gpa } };
	if (agent_call(v, &x->op, e))
		return -1;
	return xen_event_confirm(v, &x->ev, e);
}

/*
 * Send the first event before anything else touches the page. After the guest
 * has cleared the bits, only the second event can set them: if the guest never
 * took an earlier event, its bit may be left from then
 * (kvm_xen_set_evtchn_fast() sets evtchn_upcall_pending only together with a
 * bit that was clear). If shared_info does not work, the clock is the only
 * proof.
 */
static int vcpuinfo_check(struct pv_page *p, struct vcpu *v, struct json *j,
			  enum pv_verdict *verdict, char why[static 160],
			  struct err *e)
{
	uint64_t gpa = p->gpa;
	struct vcpuinfo_event events[2];

	if (xen_event_raise(p->vm, v, &events[0].ev, e) ||
	    pvclock_check(p, v, j, verdict, why, e) ||
	    take_event(v, gpa, &events[0], e) ||
	    xen_event_raise(p->vm, v, &events[1].ev, e) ||
	    take_event(v, gpa, &events[1], e))
		return -1;
	*verdict = vcpuinfo_judge(*verdict, events, why);
	upcall_json(&events[1], j);
	return 0;
}

const struct pv_kind pv_vcpuinfo_kind = {
	.name = "vcpuinfo",
	.compatible = "gpcvm,xen-vcpu-info",
	.flavour = PV_XEN,
	.cached_by = "gpc",
	.fragile = true,
	.size = 64, /* struct vcpu_info */
	.stride = 64,
	.align = 64,
	.clock = 32,
	.xen_attr = KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO,
	.xen_hva = GPC_XEN_VCPU_ATTR_INFO_HVA,
	.activate = xen_activate,
	.poke = vcpuinfo_poke,
	.check = vcpuinfo_check,
	.look = pvclock_look, /* no events: only the clock can be judged */
	.wrote = pvclock_wrote,
};
