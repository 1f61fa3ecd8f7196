/* SPDX-License-Identifier: GPL-2.0-only */
/* The time that a guest's kernel keeps, against the VM's clock. */
#ifndef GPCVM_GUEST_TIME_H
#define GPCVM_GUEST_TIME_H

#include "control/session.h"

struct guest_time {
	uint64_t guest, clock; /* ns, each since its own start */
	/* How much farther the guest's has come than the VM's clock since the
	 * first reading of all: ns that are certain, 0 where the rest is less
	 * than what the readings themselves leave open, which is @unsure. */
	int64_t drift;
	uint64_t unsure;
};

/* On @v's thread, in a JOB_AGENT job. Unsupported where the guest's agent knows
 * no time but that of the pages. */
int guest_time(struct session *s, struct vcpu *v, struct guest_time *t,
	       struct err *e);

#endif
