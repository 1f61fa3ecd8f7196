/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICES_PV_VCPUINFO_H
#define GPCVM_DEVICES_PV_VCPUINFO_H

#include "devices/xen_event.h"

/* An event, and OP_UPCALL's answer after it, which has cleared what it found. */
struct vcpuinfo_event {
	struct xen_event ev;
	struct agent_op op;
};

/* @clock: the verdict on the clock in it; then two events: the first one came
 * before the guest touched the page, so it may have been there before. */
enum pv_verdict vcpuinfo_judge(enum pv_verdict clock,
			       const struct vcpuinfo_event events[2],
			       char why[static 160]);

#endif
