/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICES_PV_VCPUINFO_H
#define GPCVM_DEVICES_PV_VCPUINFO_H

#include "devices/xen_event.h"

/* An event, and the answer of the OP_UPCALL after it, which clears the bits. */
struct vcpuinfo_event {
	struct xen_event ev;
	struct agent_op op;
};

/* Combine @clock, the verdict on its clock, with two events. The first was sent
 * before the guest touched the page, so its bits may be older. */
enum pv_verdict vcpuinfo_judge(enum pv_verdict clock,
			       const struct vcpuinfo_event events[2],
			       char why[static 160]);

#endif
