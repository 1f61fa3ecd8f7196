/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICES_PV_STEAL_H
#define GPCVM_DEVICES_PV_STEAL_H

#include "pv/pv.h"
#include "vcpu/agent.h"

/* More often than this KVM does not write it between two readings. */
#define STEAL_UPDATES 4096

/* How long the vCPU's thread had waited for a CPU, ns, as the host reads it around
 * both readings; @known: this kernel says so. */
struct steal_delay {
	bool known;
	uint64_t start, between[2], end;
};

/* Did the time that was stolen grow as the thread waited? */
enum pv_verdict steal_judge_amount(const struct agent_op *first,
				   const struct agent_op *second,
				   const struct steal_delay *d,
				   char why[static 160]);
/* Answers of OP_STEAL: the first one left the version @left there, and then
 * there was a KVM_RUN. */
enum pv_verdict steal_judge(const struct agent_op *first,
			    const struct agent_op *second, uint32_t left,
			    char why[static 160]);

/* What the host sees of the area (as OP_STEAL's answer) between two KVM_RUNs. */
enum pv_verdict steal_judge_left(const struct agent_op *op,
				 char why[static 160]);

#endif
