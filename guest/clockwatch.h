/* SPDX-License-Identifier: GPL-2.0-only */
/* The watch over a vCPU's clock and steal time, round by round. */
#ifndef GPCVM_GUEST_CLOCKWATCH_H
#define GPCVM_GUEST_CLOCKWATCH_H

#include "pv.h"

struct watch {
	uint64_t last;	/* ns, the last that was good; 0: none yet */
	uint64_t fault; /* REPORT_* that holds now; 0: none */
	bool went_back; /* the reading before this one did */
};

struct steal_watch {
	struct watch w;
	uint32_t version, polls; /* unchanged for so many polls */
};

struct clockwatch {
	struct watch clock;
	uint64_t off;	/* REPORT_CLOCK_AHEAD or _BEHIND; 0: neither */
	uint64_t host;	/* ns, KVM_GET_CLOCK's, for the next reading; 0: none */
	uint32_t polls; /* since it was asked for */
	struct steal_watch steal;
};

void clockwatch_start(struct percpu *pc, struct clockwatch *c);
/* @readings of both, then what the host wants done; how many operations that
 * was. */
uint32_t clockwatch_round(struct percpu *pc, struct clockwatch *c,
			  uint32_t readings);
/* Tell the host: REPORT_*, and its words. */
void clockwatch_report(uint64_t what, uint64_t a, uint64_t b);

#endif
