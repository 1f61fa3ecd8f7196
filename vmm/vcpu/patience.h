/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a vCPU is waited for. Time counts in which it could have done
 * something: not while its thread is runnable and gets no CPU, not while this
 * whole machine stands still, and less while the guest exits to gpcvm, as then
 * it gets on. So a loaded machine is told from a hang.
 */
#ifndef GPCVM_PATIENCE_H
#define GPCVM_PATIENCE_H

#include "vcpu/vcpu.h"

#define PATIENCE_NS	  (10 * NS_PER_SEC) /* that count */
#define PATIENCE_WALL_NS  (40 * NS_PER_SEC) /* in all */
/* After that, for a vCPU to leave the kernel when it is kicked. */
#define PATIENCE_GRACE_NS (2 * NS_PER_SEC)

enum patience_state {
	PATIENCE_YET,
	PATIENCE_OVER,	/* give it up, and kick */
	PATIENCE_STUCK, /* it does not even take the kick */
};

/* All zeros is new. One thread looks at it, every now and then. */
struct patience {
	uint64_t since;	      /* what is waited for began; ns */
	uint64_t looked;      /* last */
	uint64_t spent, wall; /* that counts; all, but for standstills */
	struct task_times first, times;
	uint64_t progress;
	enum patience_state state;
	char doing[VCPU_DOING]; /* the vCPU, just before it was over */
};

/* What is waited for began at @since: where that has changed, anew. */
enum patience_state patience_look(struct patience *p, struct vcpu *v,
				  uint64_t since, uint64_t now);

#endif
