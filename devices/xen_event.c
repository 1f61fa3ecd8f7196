// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "devices/xen_event.h"

int xen_activate(struct pv_page *p, struct vcpu *v, const struct pv_where *to,
		 struct err *e)
{
	const struct pv_kind *k = p->kind;
	const uint16_t type = to->by_hva ? k->xen_hva : k->xen_attr;
	uint64_t value = k->per_vm ? to->gpa / PAGE_SIZE : to->gpa;
	int r;

	if (to->by_hva)
		value = to->on ? to->hva : 0;
	else if (!to->on)
		value = GPC_XEN_INVALID_GPA;
	r = k->per_vm ? kvm_xen_set_attr(p->vm->vm, type, value)
		      : kvm_xen_vcpu_set_attr(v->fd, type, value);
	return r < 0 ? err_kvm(e, -r,
			       "KVM_XEN_%s_SET_ATTR of %s at gpa 0x%" PRIx64
			       " by %s",
			       k->per_vm ? "HVM" : "VCPU", p->name, to->gpa,
			       to->by_hva ? "hva" : "gpa")
		     : 0;
}

/* Advance by words: each port's bit in evtchn_pending_sel differs from those
 * of the 63 ports before it. */
uint32_t xen_event_port(struct pv_vm *pv)
{
	uint32_t n, port;

	do {
		n = ++pv->events;
		port = n % 64 * 64 + n / 64 % 64;
	} while (!port); /* KVM rejects port 0 */
	return port;
}

unsigned int xen_event_word(uint32_t port)
{
	return port / 64;
}

/* Have the guest read and clear the port's bits in shared_info. Restore
 * v->mmio: MMIO here says nothing about the page under check. */
static int look_for_event(struct vcpu *v, const struct xen_event *ev,
			  struct agent_op *op, bool *seen, struct err *e)
{
	uint64_t mmio = v->mmio;

	*op = (struct agent_op){ .op = OP_EVTCHN,
				 .in = { ev->shinfo, ev->port } };
	if (agent_call(v, op, e))
		return -1;
	*seen = op->out[0] == ST_OK && v->mmio == mmio;
	v->mmio = mmio;
	return 0;
}

int xen_event_raise(struct pv_vm *pv, struct vcpu *v, struct xen_event *ev,
		    struct err *e)
{
	const struct pv_page *s = pv_find(pv, "shinfo");
	struct agent_op op;

	memset(ev, 0, sizeof(*ev));
	if (!s || !s->on)
		return 0;
	ev->shinfo = s->gpa;
	ev->port = xen_event_port(pv);
	if (look_for_event(v, ev, &op, &ev->armed, e))
		return -1;
	if (ev->armed)
		ev->sent = !kvm_xen_evtchn_send(pv->vm, ev->port, v->index);
	return 0;
}

int xen_event_confirm(struct vcpu *v, struct xen_event *ev, struct err *e)
{
	struct agent_op op;
	bool seen;

	if (!ev->sent)
		return 0;
	if (look_for_event(v, ev, &op, &seen, e))
		return -1;
	ev->raised = seen && (op.out[1] & 1);
	ev->masked = op.out[2] & 1;
	return 0;
}
