/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICES_PV_RUNSTATE_H
#define GPCVM_DEVICES_PV_RUNSTATE_H

#include "pv/pv.h"
#include "vcpu/agent.h"

/* Judge @op, the answer of OP_RUNSTATE, after the VM's clock was set to @set.
 * @limit: the clock's upper bound now. */
enum pv_verdict runstate_judge(const struct agent_op *op, uint64_t set,
			       uint64_t limit, char why[static 160]);

#endif
