/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICES_PV_RUNSTATE_H
#define GPCVM_DEVICES_PV_RUNSTATE_H

#include "pv/pv.h"
#include "vcpu/agent.h"

/* @op: OP_RUNSTATE's answer, after the VM's clock was set to @set, which cannot
 * be beyond @limit now. */
enum pv_verdict runstate_judge(const struct agent_op *op, uint64_t set,
			       uint64_t limit, char why[static 160]);

#endif
