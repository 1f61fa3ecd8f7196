/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICES_PV_STEAL_H
#define GPCVM_DEVICES_PV_STEAL_H

#include "pv/pv.h"
#include "vcpu/agent.h"

/* Upper bound of KVM's updates between two reads. */
#define STEAL_UPDATES 4096

/* The time in ns that the vCPU's thread had waited for a CPU, read
 * by the host before, between and after the guest's two reads.
 * @known: the kernel reports it. */
struct steal_delay {
	bool known;
	uint64_t start, between[2], end;
};

/* Check that the steal time grew by the time that the thread waited. */
enum pv_verdict steal_judge_amount(const struct agent_op *first,
				   const struct agent_op *second,
				   const struct steal_delay *d,
				   char why[static 160]);
/* Judge the answers of OP_STEAL: the guest wrote version @left after the first
 * read, and a KVM_RUN followed. */
enum pv_verdict steal_judge(const struct agent_op *first,
			    const struct agent_op *second, uint32_t left,
			    char why[static 160]);

/* Judge the area (as OP_STEAL's answer) as the host reads
 * it between two KVM_RUNs. */
enum pv_verdict steal_judge_left(const struct agent_op *op,
				 char why[static 160]);

#endif
