// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_CLOCK raises KVM_REQ_CLOCK_UPDATE on every vCPU; KVM then writes the
 * vCPU's clocks when it enters the guest (arch/x86/kvm/x86.c,
 * kvm_guest_time_update).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "devices/pv_read.h"
#include "devices/pvclock.h"
#include "host/trace.h"

/* A poke sets the clock ahead by this much, so that it writes a later
 * time than any page can hold. */
#define STEP_NS	    NS_PER_MS
/* The step if KVM cannot add the time that passes meanwhile. */
#define BIG_STEP_NS (100 * NS_PER_MS)
#define SET_TRIES   100
/* The guest's clock and KVM_GET_CLOCK scale the TSC separately. */
#define SLACK_NS    NS_PER_MS

/*
 * Read the clock and set it a step ahead. With KVM_CLOCK_REALTIME, KVM adds the
 * time that passes in between, so the clock never goes back
 * (Documentation/virt/kvm/api.rst, KVM_SET_CLOCK). Return the step, or -errno.
 */
static int64_t step_clock(int vm, uint64_t *set)
{
	struct kvm_clock_data d = { 0 };
	uint64_t step;
	int r = kvm_get_clock(vm, &d);

	if (r < 0)
		return r;
	d.flags &= KVM_CLOCK_REALTIME;
	step = d.flags ? STEP_NS : BIG_STEP_NS;
	d.clock += step;
	*set = d.clock;
	r = kvm_set_clock(vm, &d);
	return r < 0 ? r : (int64_t)step;
}

/* Pages written meanwhile are later than the reading by at most the duration of
 * the whole, which must be below the step. */
int pvclock_set(struct pv_vm *pv, uint64_t *set, struct err *e)
{
	int64_t step = -EAGAIN;

	pthread_mutex_lock(&pv->clock_lock);
	for (int i = 0; i < SET_TRIES; i++) {
		uint64_t start = now_ns();

		step = step_clock(pv->vm, set);
		if (step < 0 || now_ns() - start < (uint64_t)step)
			break;
		step = -EAGAIN;
	}
	pthread_mutex_unlock(&pv->clock_lock);
	if (step == -EAGAIN)
		return err_state(
			e,
			"this host is too busy to set the clock within %" PRIu64
			" ns",
			(uint64_t)STEP_NS);
	if (step < 0)
		return err_kvm(e, (int)-step, "KVM_GET_CLOCK or KVM_SET_CLOCK");
	return 0;
}

int pvclock_from(struct pv_vm *pv, uint64_t *from, struct err *e)
{
	struct kvm_clock_data d;

	if (pv_get_clock(pv, &d, e))
		return -1;
	*from = d.clock > SLACK_NS ? d.clock - SLACK_NS : 0;
	return 0;
}

int pvclock_limit(struct pv_vm *pv, uint64_t *limit, struct err *e)
{
	struct kvm_clock_data d;

	if (pv_get_clock(pv, &d, e))
		return -1;
	*limit = d.clock + SLACK_NS;
	return 0;
}

int pvclock_poke(struct pv_page *p, struct vcpu *v, struct json *j,
		 struct err *e)
{
	struct agent_op nop = { .op = OP_NOP };
	uint64_t set;

	/* KVM serves the request on the way into the guest: any operation of
	 * the agent makes one KVM_RUN. */
	if (pvclock_set(p->vm, &set, e) || agent_do(v, &nop, e))
		return -1;
	json_num(j, "set", set);
	return 0;
}

static void pvclock_json(const struct agent_op *op, struct json *j)
{
	json_object(j, "seen");
	json_num(j, "version", op->out[1]);
	json_hex(j, "tsc_timestamp", op->out[2]);
	json_num(j, "system_time", op->out[3]);
	json_hex(j, "mul", op->out[4] & 0xffffffff);
	json_int(j, "shift", (int8_t)(op->out[4] >> 32));
	json_hex(j, "flags", op->out[4] >> 40 & 0xff);
	json_num(j, "now", pvclock_now(op));
	json_object_end(j);
}

/* ---- the kernel's tracepoint -------------------------------------------- */

#define RECORDS 16

void pvclock_witness(struct pv_found *found, const struct agent_op *op,
		     bool fresh, const struct trace_record *records, int nr,
		     struct json *j)
{
	const struct trace_record *r = NULL;

	if (nr < 0)
		return;
	/* The same poke may make KVM write other clocks of this vCPU. */
	found->differs = fresh;
	for (int i = 0; i < nr; i++) {
		r = &records[i];
		if (r->value[PVCLOCK_VERSION] != op->out[1] ||
		    r->value[PVCLOCK_TIME] != op->out[3])
			continue;
		found->differs = false;
		break;
	}
	if (!r) {
		snprintf(found->kernel, sizeof(found->kernel), "%s was not hit",
			 trace_point_name(TRACE_PVCLOCK));
		return;
	}
	snprintf(found->kernel, sizeof(found->kernel),
		 "%s: version %" PRIu64 ", system_time %" PRIu64,
		 trace_point_name(TRACE_PVCLOCK), r->value[PVCLOCK_VERSION],
		 r->value[PVCLOCK_TIME]);
	json_object(j, "kernel");
	json_num(j, "version", r->value[PVCLOCK_VERSION]);
	json_hex(j, "tsc_timestamp", r->value[PVCLOCK_TSC]);
	json_num(j, "system_time", r->value[PVCLOCK_TIME]);
	json_object_end(j);
}

static void ask_kernel(struct pv_page *p, const struct vcpu *v,
		       const struct trace_mark *m, const struct agent_op *op,
		       bool fresh, struct json *j)
{
	struct trace_record records[RECORDS];
	int nr = trace_since(p->vm->trace, m, TRACE_PVCLOCK, v->index, records,
			     RECORDS);

	/* With Xen's pages, a vCPU has more than one clock. */
	p->found.wrote = nr > 0 && p->kind->flavour == PV_KVM;
	pvclock_witness(&p->found, op, fresh, records, nr, j);
}

/* ---- poke and read ------------------------------------------------------ */

static uint64_t clock_gpa(const struct pv_page *p)
{
	return p->gpa + p->kind->clock;
}

/* Match version, scale and a time within the poke's bounds. */
bool pvclock_wrote(const struct pv_page *p, const uint8_t *bytes)
{
	uint64_t system_time;
	uint32_t version, mul;

	bytes += p->kind->clock;
	memcpy(&version, bytes, sizeof(version));
	memcpy(&system_time, bytes + 16, sizeof(system_time));
	memcpy(&mul, bytes + 24, sizeof(mul));
	return version && !(version & 1) && mul && p->found.set &&
	       system_time >= p->found.set && system_time <= p->found.limit;
}

/* Read the VM's clock, and whether KVM derives it from a stable TSC. */
static int read_clock(struct pv_vm *pv, uint64_t *clock, bool *stable,
		      struct err *e)
{
	struct kvm_clock_data d;

	if (pv_get_clock(pv, &d, e))
		return -1;
	*clock = d.clock;
	*stable = d.flags & KVM_CLOCK_TSC_STABLE;
	return 0;
}

/* Have the guest read the clock at @gpa, and call
 * KVM_GET_CLOCK before and after. */
static int read_both(struct pv_page *p, struct vcpu *v, struct agent_op *op,
		     struct pvclock_truth *t, struct err *e)
{
	bool before, after;

	if (read_clock(p->vm, &t->from, &before, e) || agent_call(v, op, e) ||
	    read_clock(p->vm, &t->to, &after, e))
		return -1;
	/* A change of the host's clocksource affects all VMs. */
	t->tsc = before != after ? PVCLOCK_UNKNOWN
		 : after	 ? PVCLOCK_STABLE
				 : PVCLOCK_UNSTABLE;
	t->khz = v->tsc_khz;
	t->stopped = p->stopped && p->kind->flavour == PV_KVM;
	return 0;
}

static int clear_stopped(struct vcpu *v, uint64_t gpa,
			 const struct agent_op *seen, struct err *e)
{
	struct agent_op op = { .op = OP_WRITE,
			       .in = { gpa + PVCLOCK_FLAGS, 1,
				       seen->out[4] >> 40 & 0xfd } };

	return agent_do(v, &op, e);
}

/*
 * KVM keeps PVCLOCK_GUEST_STOPPED until the guest clears it, even if the guest
 * set it (arch/x86/kvm/x86.c, kvm_setup_guest_pvclock). If the clock was moved
 * to memory with unknown contents, have the guest clear the bit, as it should
 * have done before the move. If it comes back, KVM has set it.
 */
static int read_poked(struct pv_page *p, struct vcpu *v, struct agent_op *op,
		      struct pvclock_truth *t, struct err *e)
{
	const struct agent_op again = *op;

	if (pvclock_set(p->vm, &p->found.set, e) || read_both(p, v, op, t, e))
		return -1;
	if (op->out[0] != ST_OK || !pvclock_is_stopped(op) || t->stopped ||
	    !p->littered)
		return 0;
	if (clear_stopped(v, op->in[0], op, e))
		return -1;
	*op = again;
	return pvclock_set(p->vm, &p->found.set, e) ? -1
						    : read_both(p, v, op, t, e);
}

int pvclock_check(struct pv_page *p, struct vcpu *v, struct json *j,
		  enum pv_verdict *verdict, char why[static 160], struct err *e)
{
	struct agent_op op = { .op = OP_CLOCK, .in = { clock_gpa(p) } };
	struct pv_found *f = &p->found;
	struct pvclock_truth t;
	struct trace_mark mark;

	if (p->vm->trace)
		trace_mark(p->vm->trace, &mark);
	if (read_poked(p, v, &op, &t, e))
		return -1;
	p->littered = false;
	f->limit = t.to + SLACK_NS;
	*verdict = pvclock_judge(&op, f->set, f->limit, why);
	if (*verdict == VERDICT_FRESH) {
		*verdict = pvclock_judge_look(&op, &t, why);
		f->here = true;
	}
	json_num(j, "set", f->set);
	if (op.out[0] == ST_OK || op.out[0] == ST_TORN)
		pvclock_json(&op, j);
	if (p->vm->trace)
		ask_kernel(p, v, &mark, &op, f->here, j);
	return 0;
}

int pvclock_look(struct pv_page *p, struct vcpu *v, struct json *j,
		 enum pv_verdict *verdict, char why[static 160], struct err *e)
{
	struct agent_op op = { .op = OP_CLOCK, .in = { clock_gpa(p) } };
	struct pvclock_truth t;

	if (read_both(p, v, &op, &t, e))
		return -1;
	*verdict = pvclock_judge_look(&op, &t, why);
	json_num(j, "clock", t.to);
	if (op.out[0] == ST_OK || op.out[0] == ST_TORN)
		pvclock_json(&op, j);
	return 0;
}
