/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICES_PV_VCPUINFO_H
#define GPCVM_DEVICES_PV_VCPUINFO_H

#include "devices/xen_event.h"

/* @clock: the verdict on the clock in it; @op: OP_UPCALL's answer. */
enum pv_verdict vcpuinfo_judge(enum pv_verdict clock, const struct agent_op *op,
			       const struct xen_event *ev,
			       char why[static 160]);

#endif
