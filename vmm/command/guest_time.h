/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest kernel's own time, compared with the VM's clock. */
#ifndef GPCVM_GUEST_TIME_H
#define GPCVM_GUEST_TIME_H

#include "control/session.h"

struct guest_time {
	uint64_t guest, clock; /* ns, each since its own start */
	/* How much the guest's time has gained on the VM's clock
	 * since the first reading, ns. Only what exceeds @unsure,
	 * the error of the readings. */
	int64_t drift;
	uint64_t unsure;
};

/* Run on @v's thread, in a JOB_AGENT job. Unsupported if the guest's agent
 * knows only the time of the pv pages. */
int guest_time(struct session *s, struct vcpu *v, struct guest_time *t,
	       struct err *e);

#endif
