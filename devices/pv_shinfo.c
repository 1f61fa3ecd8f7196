// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen's shared_info, one page per VM. KVM caches it in a gpc by gpa or hva
 * (kvm->arch.xen.shinfo_cache), writes the wall clock on activation, and sets
 * pending bits of event channels: arch/x86/kvm/xen.c,
 * kvm_xen_shared_info_init() and kvm_xen_set_evtchn().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "devices/devices.h"
#include "devices/pv_read.h"
#include "devices/pv_shinfo.h"
#include "devices/xen_event.h"

#define PENDING	    0x800 /* offset of evtchn_pending in struct shared_info */
#define WALL_CLOCK  0xc00 /* offset of wc_version */
#define LANDS_TRIES 64

static int shinfo_poke(struct pv_page *p, struct vcpu *v, struct json *j,
		       struct err *e)
{
	uint32_t port = xen_event_port(p->vm);
	int r = kvm_xen_evtchn_send(p->vm->vm, port, v->index);

	if (r < 0)
		return err_kvm(e, -r, "KVM_XEN_HVM_EVTCHN_SEND of port %u",
			       port);
	json_num(j, "port", port);
	return 0;
}

enum pv_verdict shinfo_judge(const struct agent_op *first,
			     const struct agent_op *second,
			     char why[static 160])
{
	bool one = first->out[1] & 1, two = second->out[1] & 1;
	enum pv_verdict verdict;

	if (!pv_readable(first, &verdict, why) ||
	    !pv_readable(second, &verdict, why))
		return verdict;
	if (!two) {
		snprintf(why, 160,
			 "port %" PRIu64
			 " was sent, but its pending bit is clear",
			 second->in[1]);
		return VERDICT_STALE;
	}
	if (!one) {
		snprintf(why, 160,
			 "the event sent before the guest touched the page was "
			 "lost (port %" PRIu64 "), the one after it arrived",
			 first->in[1]);
		return VERDICT_STALE;
	}
	if (second->out[3] & 1) {
		snprintf(why, 160, "the wall clock's version is odd: %" PRIu64,
			 second->out[3]);
		return VERDICT_TORN;
	}
	return VERDICT_FRESH;
}

/* The wall clock's version, sec and nsec, of a page that was not used. */
static enum pv_verdict shinfo_judge_look(const uint32_t wc[3],
					 char why[static 160])
{
	if (wc[0] & 1)
		snprintf(why, 160, "the wall clock's version is odd: %" PRIu32,
			 wc[0]);
	else if (wc[2] >= NS_PER_SEC)
		snprintf(why, 160,
			 "the wall clock's nanoseconds are out of range: "
			 "%" PRIu32,
			 wc[2]);
	else if (wc[0] || wc[1] || wc[2])
		return VERDICT_FRESH;
	if (why[0])
		return VERDICT_TORN;
	snprintf(why, 160, "the wall clock reads as zeros");
	return VERDICT_STALE;
}

static void shinfo_json(const struct agent_op *op, struct json *j)
{
	json_object(j, "seen");
	json_num(j, "port", op->in[1]);
	json_bool(j, "pending", op->out[1] & 1);
	json_bool(j, "masked", op->out[2] & 1);
	json_num(j, "wc_version", op->out[3]);
	json_num(j, "wc_sec", op->out[4]);
	json_num(j, "wc_nsec", op->out[5]);
	json_object_end(j);
}

static enum pv_verdict not_sent(int r, char why[static 160])
{
	snprintf(why, 160,
		 "KVM cannot use the page: KVM_XEN_HVM_EVTCHN_SEND: %s",
		 strerrordesc_np(-r));
	return VERDICT_ABSENT;
}

/*
 * Send two events. The first precedes any access of the guest, so that KVM
 * touches the page first. The guest then clears the second port's bit, so that
 * only KVM can have set it again.
 */
static int shinfo_check(struct pv_page *p, struct vcpu *v, struct json *j,
			enum pv_verdict *verdict, char why[static 160],
			struct err *e)
{
	uint64_t gpa = p->gpa;
	uint32_t one = xen_event_port(p->vm), two = xen_event_port(p->vm);
	struct agent_op first = { .op = OP_EVTCHN, .in = { gpa, one, two } };
	struct agent_op second = { .op = OP_EVTCHN, .in = { gpa, two } };
	int r = kvm_xen_evtchn_send(p->vm->vm, one, v->index);

	if (r < 0) {
		*verdict = not_sent(r, why);
		return 0;
	}
	if (agent_call(v, &first, e))
		return -1;
	r = kvm_xen_evtchn_send(p->vm->vm, two, v->index);
	if (r < 0) {
		*verdict = not_sent(r, why);
		return 0;
	}
	if (agent_call(v, &second, e))
		return -1;
	*verdict = shinfo_judge(&first, &second, why);
	if (second.out[0] == ST_OK)
		shinfo_json(&second, j);
	return 0;
}

/*
 * Without an event, only the wall clock can be judged: KVM writes it once, on
 * activation. If the page is lost, it reads as zeros and stays so.
 */
static int shinfo_look(struct pv_page *p, struct vcpu *v, struct json *j,
		       enum pv_verdict *verdict, char why[static 160],
		       struct err *e)
{
	uint64_t gpa = p->gpa;
	struct agent_op op = { .op = OP_READ, .in = { gpa + WALL_CLOCK, 16 } };
	uint32_t wc[3]; /* version, sec, nsec */

	if (agent_call(v, &op, e))
		return -1;
	if (!pv_readable(&op, verdict, why))
		return 0;
	memcpy(wc, &op.out[1], sizeof(wc));
	*verdict = shinfo_judge_look(wc, why);
	json_object(j, "seen");
	json_num(j, "wc_version", wc[0]);
	json_num(j, "wc_sec", wc[1]);
	json_num(j, "wc_nsec", wc[2]);
	json_object_end(j);
	return 0;
}

/* Get the pending bit of @port as the host reads it at @gpa. */
static bool peek_pending(const struct pv_page *p, uint64_t gpa, uint32_t port,
			 bool *pending)
{
	uint64_t word, pages;

	if (memory_peek(p->vm->memory, gpa + PENDING + port / 64 * UINT64_C(8),
			&word, sizeof(word), &pages, NULL))
		return false;
	*pending = word >> port % 64 & 1;
	return true;
}

/* Require two bits that are clear before their event and set after it. */
static bool shinfo_lands(struct pv_page *p, struct vcpu *v, uint64_t gpa)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < LANDS_TRIES && found < 2; i++) {
		const uint32_t port = xen_event_port(p->vm);
		bool before, after;

		if (!peek_pending(p, gpa, port, &before))
			return false;
		if (before) /* set long ago: proves nothing */
			continue;
		if (kvm_xen_evtchn_send(p->vm->vm, port, v->index) < 0 ||
		    !peek_pending(p, gpa, port, &after) || !after)
			return false;
		found++;
	}
	return found == 2;
}

const struct pv_kind pv_shinfo_kind = {
	.name = "shinfo",
	.compatible = "gpcvm,xen-shared-info",
	.flavour = PV_XEN,
	.cached_by = "gpc",
	.per_vm = true,
	.fragile = true,
	.size = PAGE_SIZE,
	.stride = PAGE_SIZE,
	.align = PAGE_SIZE,
	/* vcpu_info[32], each of which may be a pv page of its own */
	.lead = 32 * 64,
	.xen_attr = KVM_XEN_ATTR_TYPE_SHARED_INFO,
	.xen_hva = GPC_XEN_ATTR_SHARED_HVA,
	.activate = xen_activate,
	.poke = shinfo_poke,
	.check = shinfo_check,
	.look = shinfo_look,
	.lands = shinfo_lands,
};
