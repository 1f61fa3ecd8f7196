/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICES_PV_SHINFO_H
#define GPCVM_DEVICES_PV_SHINFO_H

#include "pv/pv.h"
#include "vcpu/agent.h"

/* Judge the answers of OP_EVTCHN: to an event sent before the guest touched the
 * page, and to one whose bit the guest had cleared first. */
enum pv_verdict shinfo_judge(const struct agent_op *first,
			     const struct agent_op *second,
			     char why[static 160]);

#endif
