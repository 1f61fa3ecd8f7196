// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM steal time: the guest writes the area's gpa to MSR 0x4b564d03. KVM caches
 * the area in a ghc (vcpu->arch.st.cache) and updates it after each load of the
 * vCPU (KVM_REQ_STEAL_UPDATE; arch/x86/kvm/x86.c, record_steal_time): at least
 * once per KVM_RUN. Each update adds two to the version.
 */
#include <asm/kvm_para.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "devices/devices.h"
#include "devices/pv_preempt.h"
#include "devices/pv_read.h"
#include "devices/pv_steal.h"
#include "vcpu/vcpu_sched.h"

static int steal_poke(struct pv_page *p, struct vcpu *v, struct json *j,
		      struct err *e)
{
	struct agent_op nop = { .op = OP_NOP };

	(void)p;
	(void)j;
	return agent_do(v, &nop, e);
}

static void steal_json(const char *key, const struct agent_op *op,
		       struct json *j)
{
	json_object(j, key);
	json_num(j, "version", op->out[1]);
	json_num(j, "steal", op->out[2]);
	json_hex(j, "flags", op->out[3] & 0xffffffff);
	json_hex(j, "preempted", op->out[3] >> 32);
	json_object_end(j);
}

/* Is @after at least one whole update later than @before? */
static bool is_later(uint32_t before, uint32_t after)
{
	uint32_t up = after - before; /* 32 bits that may wrap */

	return !(up & 1) && up >= 2 && up <= 2 * STEAL_UPDATES;
}

/*
 * KVM reads the version from the page and adds two to it (record_steal_time,
 * even if it is "random junk"). No other page holds the version that the guest
 * wrote. So a version that continues from it was written later, by a KVM that
 * reads and writes the guest's page.
 */
enum pv_verdict steal_judge(const struct agent_op *first,
			    const struct agent_op *second, uint32_t left,
			    char why[static 160])
{
	const uint32_t now = (uint32_t)second->out[1];
	enum pv_verdict verdict;

	if (!pv_readable(first, &verdict, why) ||
	    !pv_readable(second, &verdict, why))
		return verdict;
	if (now == left) {
		snprintf(why, 160,
			 "KVM_RUN did not update version %" PRIu32
			 ", which the guest had written",
			 left);
		return VERDICT_STALE;
	}
	if (!now && !second->out[2]) {
		snprintf(why, 160, "the page reads as zeros");
		return VERDICT_STALE;
	}
	if (!is_later(left, now)) {
		snprintf(why, 160,
			 "version %" PRIu32 " does not continue from %" PRIu32
			 ", which the guest had written",
			 now, left);
		return VERDICT_TORN;
	}
	if (second->out[2] < first->out[2]) {
		snprintf(why, 160,
			 "steal time went backwards: %" PRIu64 " then %" PRIu64,
			 first->out[2], second->out[2]);
		return VERDICT_TORN;
	}
	return VERDICT_FRESH;
}

/* Return an even version that no page can have: out of reach of
 * KVM's counting, and not 0. */
static uint32_t draw_version(void)
{
	uint32_t r = 0;

	/* Use the time until the kernel's random pool is initialized. */
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		r = (uint32_t)now_ns();
	return (r & ~UINT32_C(1)) | UINT32_C(0x40000000);
}

/*
 * On each entry KVM adds the time that the thread has waited since the last
 * update (record_steal_time, from current->sched_info.run_delay, the number in
 * /proc/PID/task/TID/schedstat). So both bounds are exact.
 */
enum pv_verdict steal_judge_amount(const struct agent_op *first,
				   const struct agent_op *second,
				   const struct steal_delay *d,
				   char why[static 160])
{
	const uint64_t grown = second->out[2] - first->out[2];

	if (!d->known)
		return VERDICT_FRESH;
	if (grown < d->between[1] - d->between[0]) {
		snprintf(why, 160,
			 "steal time grew by %" PRIu64
			 " ns, but the vCPU's thread waited %" PRIu64
			 " ns for a CPU",
			 grown, d->between[1] - d->between[0]);
		return VERDICT_STALE;
	}
	if (grown > d->end - d->start) {
		snprintf(why, 160,
			 "steal time grew by %" PRIu64
			 " ns, but the vCPU's thread waited only %" PRIu64
			 " ns for a CPU",
			 grown, d->end - d->start);
		return VERDICT_TORN;
	}
	return VERDICT_FRESH;
}

/* KVM clears it on entry (record_steal_time), so a running vCPU reads 0. */
static enum pv_verdict judge_running(const struct agent_op *op,
				     char why[static 160])
{
	const uint32_t preempted = (uint32_t)(op->out[3] >> 32);

	if (!preempted)
		return VERDICT_FRESH;
	snprintf(why, 160,
		 "preempted is 0x%" PRIx32 " while the vCPU is running",
		 preempted);
	return VERDICT_TORN;
}

static void delay_json(const struct steal_delay *d, struct json *j)
{
	if (d->known)
		json_num(j, "run_delay", d->end - d->start);
	else
		json_null(j, "run_delay");
}

/* Check the byte as the host reads it while another
 * thread has the vCPU's CPU. */
static int check_preempted(struct pv_page *p, struct vcpu *v, struct json *j,
			   enum pv_verdict *verdict, char why[static 160],
			   struct err *e)
{
	static const char *const names[] = {
		[PREEMPT_UNKNOWN] = "unknown",
		[PREEMPT_SET] = "set",
		[PREEMPT_NEVER] = "never set",
	};
	enum preempt_seen seen;
	char unknown[160] = "";

	if (preempt_look(p, v, offsetof(struct kvm_steal_time, preempted),
			 &seen, unknown, e))
		return -1;
	json_str(j, "preempted", names[seen]);
	if (seen == PREEMPT_UNKNOWN)
		json_str(j, "preempted_why", unknown);
	if (seen != PREEMPT_NEVER)
		return 0;
	snprintf(why, 160,
		 "preempted stays 0 while another thread runs on the vCPU's "
		 "CPU, although KVM counts preemptions");
	*verdict = VERDICT_STALE;
	return 0;
}

struct steal_readings {
	struct agent_op first, second;
	uint32_t left; /* version written by the guest in @first */
	struct steal_delay delay;
	enum pv_verdict preempted;
};

static void read_run_delay(const struct vcpu *v, struct steal_delay *d,
			   uint64_t *ns)
{
	d->known = d->known && !vcpu_run_delay(v, ns);
}

static int steal_read_twice(struct pv_page *p, struct vcpu *v,
			    struct steal_readings *r, struct json *j,
			    char why[static 160], struct err *e)
{
	struct steal_delay *d = &r->delay;

	read_run_delay(v, d, &d->start);
	if (agent_call(v, &r->first, e))
		return -1;
	read_run_delay(v, d, &d->between[0]);
	if (p->found.full && r->first.out[0] == ST_OK &&
	    check_preempted(p, v, j, &r->preempted, why, e))
		return -1;
	read_run_delay(v, d, &d->between[1]);
	if (agent_call(v, &r->second, e))
		return -1;
	read_run_delay(v, d, &d->end);
	return 0;
}

static enum pv_verdict steal_judge_all(const struct steal_readings *r,
				       char why[static 160])
{
	enum pv_verdict verdict;

	verdict = steal_judge(&r->first, &r->second, r->left, why);
	if (verdict == VERDICT_FRESH)
		verdict = judge_running(&r->first, why);
	if (verdict == VERDICT_FRESH)
		verdict = judge_running(&r->second, why);
	if (verdict == VERDICT_FRESH)
		verdict = steal_judge_amount(&r->first, &r->second, &r->delay,
					     why);
	return verdict;
}

static int steal_check(struct pv_page *p, struct vcpu *v, struct json *j,
		       enum pv_verdict *verdict, char why[static 160],
		       struct err *e)
{
	struct steal_readings r = {
		.left = draw_version(),
		.first = { .op = OP_STEAL },
		.second = { .op = OP_STEAL, .in = { p->gpa } },
		.delay = { .known = true },
		.preempted = VERDICT_FRESH,
	};

	r.first.in[0] = p->gpa;
	r.first.in[1] = r.left;
	if (steal_read_twice(p, v, &r, j, why, e))
		return -1;
	*verdict = steal_judge_all(&r, why);
	if (*verdict == VERDICT_FRESH)
		*verdict = r.preempted;
	if (r.first.out[0] == ST_OK)
		steal_json("before", &r.first, j);
	json_num(j, "left", r.left);
	if (r.second.out[0] == ST_OK)
		steal_json("seen", &r.second, j);
	delay_json(&r.delay, j);
	return 0;
}

/* Read the area from the host before the vCPU runs
 * again, as OP_STEAL's answer. */
static bool steal_peek(const struct pv_page *p, struct agent_op *op)
{
	struct kvm_steal_time area;
	uint64_t pages;

	if (memory_is_private(p->vm->memory, p->gpa) ||
	    memory_peek(p->vm->memory, p->gpa, &area, sizeof(area), &pages,
			NULL) ||
	    !pages)
		return false;
	*op = (struct agent_op){
		.out = { ST_OK, area.version, area.steal,
			 area.flags | (uint64_t)area.preempted << 32 },
	};
	return true;
}

/* Judge the state in which KVM left the area after the last exit. That exit was
 * to the doorbell, so the vCPU was not preempted. */
enum pv_verdict steal_judge_left(const struct agent_op *op,
				 char why[static 160])
{
	const uint32_t preempted = (uint32_t)(op->out[3] >> 32);

	if (op->out[1] & 1)
		snprintf(why, 160,
			 "version %" PRIu64 " is odd, but KVM is not writing",
			 op->out[1]);
	else if (preempted)
		snprintf(why, 160,
			 "preempted is 0x%" PRIx32
			 " after an exit without preemption",
			 preempted);
	else
		return VERDICT_FRESH;
	return VERDICT_TORN;
}

/* Loading the vCPU, here for the guest to read the area, makes KVM update it.
 * So read the page from the host first, if it can. */
static int steal_look(struct pv_page *p, struct vcpu *v, struct json *j,
		      enum pv_verdict *verdict, char why[static 160],
		      struct err *e)
{
	struct agent_op host, op = { .op = OP_STEAL, .in = { p->gpa } };
	const bool seen = steal_peek(p, &host);

	if (agent_call(v, &op, e))
		return -1;
	if (!seen)
		host = op;
	*verdict = steal_judge_left(&host, why);
	if (*verdict == VERDICT_FRESH && seen)
		*verdict = steal_judge(&host, &op, (uint32_t)host.out[1], why);
	if (*verdict == VERDICT_FRESH && pv_readable(&op, verdict, why))
		*verdict = judge_running(&op, why);
	if (seen)
		steal_json("before", &host, j);
	if (op.out[0] == ST_OK)
		steal_json("seen", &op, j);
	return 0;
}

static bool peek_version(const struct pv_page *p, uint64_t gpa,
			 uint32_t *version)
{
	struct kvm_steal_time area;
	uint64_t pages;

	if (memory_peek(p->vm->memory, gpa, &area, sizeof(area), &pages, NULL))
		return false;
	*version = area.version;
	return true;
}

/* Require two steps, so that the counting is KVM's. */
static bool steal_lands(struct pv_page *p, struct vcpu *v, uint64_t gpa)
{
	uint32_t before, after;

	if (!peek_version(p, gpa, &before))
		return false;
	for (int i = 0; i < 2; i++) {
		struct agent_op nop = { .op = OP_NOP };

		if (agent_do(v, &nop, NULL) || !peek_version(p, gpa, &after) ||
		    !is_later(before, after))
			return false;
		before = after;
	}
	return true;
}

const struct pv_kind pv_steal_kind = {
	.name = "steal",
	.compatible = "gpcvm,kvm-steal-time",
	.flavour = PV_KVM,
	.cached_by = "ghc",
	.private_gpc = true,
	/* A ghc holds a userspace address, which a
	 * punch does not invalidate. */
	.size = 64, /* struct kvm_steal_time */
	.stride = 64,
	.align = 64,
	.msr = MSR_KVM_STEAL_TIME,
	.poke = steal_poke,
	.check = steal_check,
	.look = steal_look,
	.lands = steal_lands,
};
