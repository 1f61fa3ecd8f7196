// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM steal time: the guest names an area in MSR 0x4b564d03, KVM keeps it in a
 * ghc (vcpu->arch.st.cache) and adds to it each time the vCPU has been loaded
 * (KVM_REQ_STEAL_UPDATE; arch/x86/kvm/x86.c, record_steal_time): at least once
 * for every KVM_RUN, and the version goes up by two each time.
 */
#include <inttypes.h>
#include <stdio.h>

#include "devices/pv_read.h"

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

/*
 * Two readings with one KVM_RUN between them. Only an update by the kernel in
 * between makes the version of the second higher: the guest does not write it,
 * and the value of the first is not known before.
 */
static int check(struct pv_page *p, struct vcpu *v, struct json *j,
		 enum pv_verdict *verdict, char why[static 160], struct err *e)
{
	struct agent_op first = { .op = OP_STEAL, .in = { p->gpa } };
	struct agent_op second = first;

	if (agent_call(v, &first, e))
		return -1;
	if (!pv_readable(&first, verdict, why))
		return 0;
	if (agent_call(v, &second, e))
		return -1;
	if (!pv_readable(&second, verdict, why))
		return 0;
	seen_json("before", &first, j);
	seen_json("seen", &second, j);
	*verdict = VERDICT_FRESH;
	/* 32 bits that may wrap: compare the difference. */
	if ((int32_t)(uint32_t)(second.out[1] - first.out[1]) < 2) {
		*verdict = VERDICT_STALE;
		snprintf(why, 160,
			 "version %" PRIu64 " before the poke, %" PRIu64
			 " after it: KVM_RUN did not update the page",
			 first.out[1], second.out[1]);
	} else if (second.out[2] < first.out[2]) {
		*verdict = VERDICT_TORN;
		snprintf(why, 160,
			 "steal time went backwards: %" PRIu64 " then %" PRIu64,
			 first.out[2], second.out[2]);
	}
	return 0;
}

const struct pv_kind pv_steal_kind = {
	.name = "steal",
	.compatible = "gpcvm,kvm-steal-time",
	.flavour = PV_KVM,
	.cached_by = "ghc",
	/* A ghc holds a userspace address, which a punch leaves as it is. */
	.by_mmu = false,
	.size = 64, /* struct kvm_steal_time */
	.stride = 64,
	.align = 64,
	.msr = GPC_MSR_STEAL_TIME,
	.poke = poke,
	.check = check,
};
