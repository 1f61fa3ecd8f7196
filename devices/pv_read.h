/* SPDX-License-Identifier: GPL-2.0-only */
/* What the checks of all kinds of pv page have in common. */
#ifndef GPCVM_DEVICES_PV_READ_H
#define GPCVM_DEVICES_PV_READ_H

#include "pv/pv.h"
#include "vcpu/agent.h"

/* Did the guest's reading go well? If not, the verdict is clear. */
bool pv_readable(const struct agent_op *op, enum pv_verdict *verdict,
		 char why[static 160]);

#endif
