// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "devices/xen_event.h"

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
