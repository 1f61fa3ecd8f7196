// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen's vcpu_info: KVM keeps it in a gpc, by gpa or by hva
 * (vcpu->arch.xen.vcpu_info_cache). It writes the clock in it as it does
 * kvm-clock, and evtchn_upcall_pending and evtchn_pending_sel when an event is
 * sent to the vCPU; if the page is not at hand then, the vCPU does that later:
 * arch/x86/kvm/xen.c, kvm_xen_inject_pending_events().
 */
#include <inttypes.h>
#include <stdio.h>

#include "devices/pv_read.h"
#include "devices/pv_vcpuinfo.h"
#include "devices/pvclock.h"

#define TIME 32 /* the clock's offset in struct vcpu_info */

static int activate(struct pv_page *p, struct vcpu *v,
		    const struct pv_where *to, struct err *e)
{
	int r;

	if (to->by_hva)
		r = kvm_xen_vcpu_set_attr(v->fd, GPC_XEN_VCPU_ATTR_INFO_HVA,
					  to->on ? to->hva : 0);
	else
		r = kvm_xen_vcpu_set_attr(
			v->fd, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO,
			to->on ? to->gpa : GPC_XEN_INVALID_GPA);
	return r < 0 ? err_kvm(e, -r,
			       "KVM_XEN_VCPU_SET_ATTR of %s at gpa 0x%" PRIx64
			       " by %s",
			       p->name, to->gpa, to->by_hva ? "hva" : "gpa")
		     : 0;
}

static int poke(struct pv_page *p, struct vcpu *v, struct json *j,
		struct err *e)
{
	struct xen_event ev;

	if (xen_event_raise(p->vm, v, &ev, e))
		return -1;
	if (ev.sent)
		json_num(j, "port", ev.port);
	return pvclock_poke(p, v, j, e);
}

enum pv_verdict vcpuinfo_judge(enum pv_verdict clock, const struct agent_op *op,
			       const struct xen_event *ev, char why[static 160])
{
	enum pv_verdict verdict;

	if (clock != VERDICT_FRESH)
		return clock;
	if (!pv_readable(op, &verdict, why))
		return verdict;
	/* An event of which shared_info does not tell proves nothing here. */
	if (!ev->raised || ev->masked)
		return VERDICT_FRESH;
	if (!(op->out[1] >> xen_event_word(ev->port) & 1)) {
		snprintf(why, 160,
			 "port %u is pending in shared_info, but bit %u of "
			 "evtchn_pending_sel, 0x%" PRIx64 ", is clear",
			 ev->port, xen_event_word(ev->port), op->out[1]);
		return VERDICT_STALE;
	}
	if (!(op->out[2] & 0xff)) {
		snprintf(why, 160,
			 "evtchn_pending_sel is 0x%" PRIx64
			 ", but evtchn_upcall_pending is 0",
			 op->out[1]);
		return VERDICT_TORN;
	}
	return VERDICT_FRESH;
}

static void upcall_json(const struct agent_op *op, const struct xen_event *ev,
			struct json *j)
{
	json_object(j, "upcall");
	if (ev->sent)
		json_num(j, "port", ev->port);
	json_str(j, "state",
		 !ev->sent    ? "not sent"
		 : ev->masked ? "masked"
		 : ev->raised ? "raised"
			      : "not seen in shinfo");
	if (op->out[0] == ST_OK) {
		json_hex(j, "pending_sel", op->out[1]);
		json_num(j, "upcall_pending", op->out[2] & 0xff);
	}
	json_object_end(j);
}

/* The event goes out before anything else touches the page; the clock is the
 * proof that KVM writes where the guest reads. */
static int check(struct pv_page *p, struct vcpu *v, struct json *j,
		 enum pv_verdict *verdict, char why[static 160], struct err *e)
{
	uint64_t gpa = __atomic_load_n(&p->gpa, __ATOMIC_ACQUIRE);
	struct agent_op op = { .op = OP_UPCALL, .in = { gpa } };
	struct xen_event ev;

	if (xen_event_raise(p->vm, v, &ev, e) ||
	    pvclock_check(p, v, gpa + TIME, j, verdict, why, e) ||
	    agent_call(v, &op, e) || xen_event_confirm(v, &ev, e))
		return -1;
	*verdict = vcpuinfo_judge(*verdict, &op, &ev, why);
	upcall_json(&op, &ev, j);
	return 0;
}

const struct pv_kind pv_vcpuinfo_kind = {
	.name = "vcpuinfo",
	.compatible = "gpcvm,xen-vcpu-info",
	.flavour = PV_XEN,
	.cached_by = "gpc",
	.by_mmu = true,
	.hva_too = true,
	.fragile = true,
	.size = 64, /* struct vcpu_info */
	.stride = 64,
	.align = 64,
	.activate = activate,
	.poke = poke,
	.check = check,
};
