// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen's runstate: the time that the vCPU has spent in each state. KVM caches
 * the area in a gpc (vcpu->arch.xen.runstate_cache), and the part after a page
 * boundary in a second one (runstate2_cache). It writes the area after each
 * load of the vCPU (KVM_REQ_STEAL_UPDATE), so at least once per KVM_RUN
 * (arch/x86/kvm/xen.c, kvm_xen_update_runstate).
 *
 * The times are in terms of the VM's clock, so setting that clock ahead dates
 * the writes that follow the poke. Each update adds the time since
 * state_entry_time to the times and then sets state_entry_time: it always
 * equals their sum, unless the parts stem from different updates.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "devices/devices.h"
#include "devices/pv_read.h"
#include "devices/pv_runstate.h"
#include "devices/pvclock.h"
#include "devices/xen_event.h"

#define RUNNING 0 /* RUNSTATE_running */

enum pv_verdict runstate_judge(const struct agent_op *op, uint64_t set,
			       uint64_t limit, char why[static 160])
{
	const uint64_t *t = &op->out[3], entry = op->out[2];
	const uint64_t sum = t[0] + t[1] + t[2] + t[3];
	enum pv_verdict verdict;

	if (!pv_readable(op, &verdict, why))
		return verdict;
	if (!op->out[1] && !entry && !t[0] && !t[1] && !t[2] && !t[3]) {
		snprintf(why, 160, "the area reads as zeros");
		return VERDICT_STALE;
	}
	if (sum != entry) {
		snprintf(why, 160,
			 "the times add up to %" PRIu64
			 ", state_entry_time is %" PRIu64,
			 sum, entry);
		return VERDICT_TORN;
	}
	verdict =
		pvclock_judge_time("state_entry_time", entry, set, limit, why);
	if (verdict != VERDICT_FRESH)
		return verdict;
	if (op->out[1] != RUNNING) {
		snprintf(why, 160,
			 "state: expected running while the vCPU reads it, got "
			 "%" PRIu64,
			 op->out[1]);
		return VERDICT_STALE;
	}
	return VERDICT_FRESH;
}

static void runstate_json(const struct agent_op *op, struct json *j)
{
	json_object(j, "seen");
	json_num(j, "state", op->out[1]);
	json_num(j, "entry_time", op->out[2]);
	json_num(j, "running", op->out[3]);
	json_num(j, "runnable", op->out[4]);
	json_num(j, "blocked", op->out[5]);
	json_num(j, "offline", op->out[6]);
	json_object_end(j);
}

static bool runstate_wrote(const struct pv_page *p, const uint8_t *bytes)
{
	uint64_t word[6]; /* state, state_entry_time, time[4] */

	memcpy(word, bytes, sizeof(word));
	return p->found.set && word[1] >= p->found.set &&
	       word[1] <= p->found.limit &&
	       word[2] + word[3] + word[4] + word[5] == word[1];
}

/* Have the guest read the area after the clock was set
 * to found.set, and judge. */
static int runstate_read(struct pv_page *p, struct vcpu *v, struct json *j,
			 enum pv_verdict *verdict, char why[static 160],
			 struct err *e)
{
	struct agent_op op = {
		.op = OP_RUNSTATE,
		.in = { p->gpa },
	};
	struct pv_found *f = &p->found;

	if (agent_call(v, &op, e) || pvclock_limit(p->vm, &f->limit, e))
		return -1;
	*verdict = runstate_judge(&op, f->set, f->limit, why);
	if (op.out[0] == ST_OK || op.out[0] == ST_TORN)
		runstate_json(&op, j);
	return 0;
}

static int runstate_check(struct pv_page *p, struct vcpu *v, struct json *j,
			  enum pv_verdict *verdict, char why[static 160],
			  struct err *e)
{
	if (pvclock_set(p->vm, &p->found.set, e))
		return -1;
	json_num(j, "set", p->found.set);
	return runstate_read(p, v, j, verdict, why, e);
}

/* Loading the vCPU, here for the guest to read the area, makes KVM write it
 * with a time from now on. */
static int runstate_look(struct pv_page *p, struct vcpu *v, struct json *j,
			 enum pv_verdict *verdict, char why[static 160],
			 struct err *e)
{
	if (pvclock_from(p->vm, &p->found.set, e))
		return -1;
	json_num(j, "clock", p->found.set);
	return runstate_read(p, v, j, verdict, why, e);
}

const struct pv_kind pv_runstate_kind = {
	.name = "runstate",
	.compatible = "gpcvm,xen-runstate",
	.flavour = PV_XEN,
	.cached_by = "gpc",
	.size = 48, /* struct vcpu_runstate_info */
	.stride = 64,
	.align = 1, /* KVM accepts any alignment */
	/* Splits state and state_entry_time from the times: every
	 * update changes both parts. */
	.split = 16,
	.xen_attr = KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR,
	.activate = xen_activate,
	.poke = pvclock_poke,
	.check = runstate_check,
	.look = runstate_look,
	.wrote = runstate_wrote,
};
