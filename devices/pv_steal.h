/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICES_PV_STEAL_H
#define GPCVM_DEVICES_PV_STEAL_H

#include "devices/doorbell.h"
#include "pv.h"

/* More often than this KVM does not write it between two readings. */
#define STEAL_UPDATES 4096

/* Answers of OP_STEAL: the first one left the version @left there, and then
 * there was a KVM_RUN. */
enum pv_verdict steal_judge(const struct agent_op *first,
			    const struct agent_op *second, uint32_t left,
			    char why[static 160]);

#endif
