/* SPDX-License-Identifier: GPL-2.0-only */
/* Watches a vCPU's clock and steal time, round by round. */
#ifndef GPCVM_GUEST_CLOCKWATCH_H
#define GPCVM_GUEST_CLOCKWATCH_H

#include "pv.h"

struct watch {
	uint64_t last;	/* ns, last good reading; 0: none yet */
	uint64_t fault; /* the current REPORT_*; 0: none */
	bool went_back; /* the previous reading went backwards */
};

struct steal_watch {
	struct watch w;
	uint32_t version, polls; /* polls: how many left version unchanged */
};

struct clockwatch {
	struct watch clock;
	uint64_t off; /* REPORT_CLOCK_AHEAD or _BEHIND; 0: neither */
	uint64_t
		host; /* ns, from KVM_GET_CLOCK, for the next reading; 0: none */
	uint32_t polls; /* since the host's clock was requested */
	struct steal_watch steal;
};

void clockwatch_start(struct percpu *pc, struct clockwatch *c);
/* Take @readings of both, then serve the host; returns the number of
 * operations. */
uint32_t clockwatch_round(struct percpu *pc, struct clockwatch *c,
			  uint32_t readings);
/* Report to the host: REPORT_*, and its words. */
void clockwatch_report(uint64_t what, uint64_t a, uint64_t b);

#endif
