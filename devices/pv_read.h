/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the checks of all kinds of pv pages. */
#ifndef GPCVM_DEVICES_PV_READ_H
#define GPCVM_DEVICES_PV_READ_H

#include "pv/pv.h"
#include "vcpu/agent.h"

/* Return true if the guest could read the page.
 * Otherwise set @verdict and @why. */
bool pv_readable(const struct agent_op *op, enum pv_verdict *verdict,
		 char why[static 160]);

#endif
