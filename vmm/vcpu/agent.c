// SPDX-License-Identifier: GPL-2.0-only
/* Operations of the guest's agent, one at a time. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "vcpu/agent.h"

static const char *const vectors[32] = {
	"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
	"#DF", NULL,  "#TS", "#NP", "#SS", "#GP", "#PF", NULL,
	"#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
};

const char *agent_vector_name(uint64_t vector)
{
	return vector < 32 && vectors[vector] ? vectors[vector] : "exception";
}

static void words_to_regs(const uint64_t *w, struct kvm_regs *r)
{
	r->rbx = w[0];
	r->rcx = w[1];
	r->rsi = w[2];
	r->rdi = w[3];
	r->r8 = w[4];
	r->r9 = w[5];
	r->r10 = w[6];
	r->r11 = w[7];
}

static int agent_issue(struct vcpu *v, const struct agent_op *op, struct err *e)
{
	struct agent *a = &v->agent;
	struct kvm_regs regs;
	int r = vcpu_get_regs(v, &regs);

	if (r)
		return err_kvm(e, -r, "KVM_GET_REGS of vCPU %u", v->index);
	if (!++a->seq) /* 0 is the number of a new guest's first call */
		a->seq++;
	words_to_regs(op->in, &regs);
	regs.rax = op->op | (uint64_t)a->seq << DB_SEQ_SHIFT;
	r = vcpu_set_regs(v, &regs);
	if (r)
		return err_kvm(e, -r, "KVM_SET_REGS of vCPU %u", v->index);
	a->waiting = a->polling = false;
	v->fault_why[0] = '\0';
	a->cancel = false;
	a->op_since = now_ns();
	return 0;
}

static int cancelled(struct vcpu *v, struct err *e)
{
	const struct agent *a = &v->agent;

	if (vcpu_pausing(v))
		return err_state(e,
				 "vCPU %u was paused during an operation: vcpu "
				 "%u resume",
				 v->index, v->index);
	return err_state(e, "vCPU %u did not complete the operation%s%s",
			 v->index, *a->why ? ": " : "", a->why);
}

int agent_call(struct vcpu *v, struct agent_op *op, struct err *e)
{
	struct agent *a = &v->agent;
	int r = 0;

	if (!a->waiting && !a->polling)
		return err_state(e,
				 "vCPU %u is %s: it has not completed the "
				 "operation before",
				 v->index,
				 v->halted ? "halted" : "not at the doorbell");
	if (agent_issue(v, op, e))
		return -1;
	for (;;) {
		if (vcpu_step(v) == STEP_END) {
			v->stop = true;
			r = err_state(e, "the machine ends");
			break;
		}
		if ((a->waiting || a->polling) && a->back == a->seq) {
			memcpy(op->out, a->words, sizeof(op->out));
			memcpy(op->fault, v->fault_why, sizeof(op->fault));
			op->fault_errno = v->fault_why_errno;
			break;
		}
		if (v->halted) { /* OP_HALT completes when it is woken */
			memset(op->out, 0, sizeof(op->out));
			break;
		}
		if (a->cancel) {
			a->lost = true;
			r = cancelled(v, e);
			break;
		}
	}
	a->op_since = 0;
	return r;
}

void agent_fault_text(const struct agent_op *op, char *buf, unsigned int len)
{
	if (op->fault[0]) {
		snprintf(buf, len, "%s", op->fault);
		return;
	}
	snprintf(buf, len,
		 "%s, error code 0x%" PRIx64 ", rip 0x%" PRIx64
		 ", cr2 0x%" PRIx64,
		 agent_vector_name(op->out[1]), op->out[2], op->out[3],
		 op->out[4]);
}

int agent_do(struct vcpu *v, struct agent_op *op, struct err *e)
{
	char text[sizeof(op->fault)];

	if (agent_call(v, op, e))
		return -1;
	switch (op->out[0]) {
	case ST_OK:
		return 0;
	case ST_FAULT:
		agent_fault_text(op, text, sizeof(text));
		if (op->fault[0])
			return err_kvm(e, op->fault_errno, "%s", text);
		return err_kvm(e, 0, "the guest took %s", text);
	case ST_TORN:
		return err_kvm(e, 0,
			       "the guest found no consistent copy in %d tries",
			       OP_TRIES);
	default:
		return err_unsupported(
			e, "this guest does not know operation %u", op->op);
	}
}

bool agent_cancel(struct vcpu *v, const char *why)
{
	struct agent *a = &v->agent;

	if (!a->op_since)
		return false;
	if (!a->cancel) {
		snprintf(a->why, sizeof(a->why), "%s", why);
		a->cancel = true;
	}
	vcpu_kick(v);
	return true;
}
