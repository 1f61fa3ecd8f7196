// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM steal time: the guest names an area in MSR 0x4b564d03, KVM keeps it in a
 * ghc (vcpu->arch.st.cache) and adds to it each time the vCPU has been loaded
 * (KVM_REQ_STEAL_UPDATE; arch/x86/kvm/x86.c, record_steal_time): at least once
 * for every KVM_RUN, and the version goes up by two each time.
 */
#include <asm/kvm_para.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "clock.h"
#include "devices/pv_read.h"
#include "devices/pv_steal.h"

static int poke(struct pv_page *p, struct vcpu *v, struct json *j,
		struct err *e)
{
	struct agent_op nop = { .op = OP_NOP };

	(void)p;
	(void)j;
	return agent_do(v, &nop, e);
}

static void seen_json(const char *key, const struct agent_op *op,
		      struct json *j)
{
	json_object(j, key);
	json_num(j, "version", op->out[1]);
	json_num(j, "steal", op->out[2]);
	json_hex(j, "flags", op->out[3] & 0xffffffff);
	json_hex(j, "preempted", op->out[3] >> 32);
	json_object_end(j);
}

/* Does @after follow from @before by whole updates, of which there was one? */
static bool goes_on(uint32_t before, uint32_t after)
{
	uint32_t up = after - before; /* 32 bits that may wrap */

	return !(up & 1) && up >= 2 && up <= 2 * STEAL_UPDATES;
}

/*
 * KVM reads the version in the page and adds two to it (record_steal_time, also
 * where it is "random junk"). What the guest has left there is on no other page,
 * so a version that goes on from it was written after that, by a KVM that
 * reads and writes the page which the guest has.
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
			 "the guest left version %" PRIu32
			 " there, and KVM_RUN did not update it",
			 left);
		return VERDICT_STALE;
	}
	if (!now && !second->out[2]) {
		snprintf(why, 160, "the page reads as zeros");
		return VERDICT_STALE;
	}
	if (!goes_on(left, now)) {
		snprintf(why, 160,
			 "version %" PRIu32 " does not go on from %" PRIu32
			 ", which the guest left there",
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

/* An even one that nothing else can have: far from what KVM could count up to
 * from where it is, and not 0, which would leave nothing. */
static uint32_t draw_version(void)
{
	uint32_t r = 0;

	/* Before the kernel has any randomness time will have to do. */
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		r = (uint32_t)now_ns();
	return (r & ~UINT32_C(1)) | UINT32_C(0x40000000);
}

static int check(struct pv_page *p, struct vcpu *v, struct json *j,
		 enum pv_verdict *verdict, char why[static 160], struct err *e)
{
	const uint32_t left = draw_version();
	struct agent_op first = { .op = OP_STEAL, .in = { p->gpa, left } };
	struct agent_op second = { .op = OP_STEAL, .in = { p->gpa } };

	if (agent_call(v, &first, e) || agent_call(v, &second, e))
		return -1;
	*verdict = steal_judge(&first, &second, left, why);
	if (first.out[0] == ST_OK)
		seen_json("before", &first, j);
	json_num(j, "left", left);
	if (second.out[0] == ST_OK)
		seen_json("seen", &second, j);
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

/* Twice, so that it is KVM's counting and no other's. */
static bool lands(struct pv_page *p, struct vcpu *v, uint64_t gpa)
{
	uint32_t before, after;

	if (!peek_version(p, gpa, &before))
		return false;
	for (int i = 0; i < 2; i++) {
		struct agent_op nop = { .op = OP_NOP };

		if (agent_do(v, &nop, NULL) || !peek_version(p, gpa, &after) ||
		    !goes_on(before, after))
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
	/* A ghc holds a userspace address, which a punch leaves as it is. */
	.size = 64, /* struct kvm_steal_time */
	.stride = 64,
	.align = 64,
	.msr = GPC_MSR_STEAL_TIME,
	.poke = poke,
	.check = check,
	.lands = lands,
};
