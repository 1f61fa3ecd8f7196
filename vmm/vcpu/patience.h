/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long gpcvm waits for a vCPU: to begin or end a job, or to end. Only time in
 * which the vCPU could have worked counts: not while its thread is runnable without
 * a CPU, not while the whole host stands still, and less while the guest exits to
 * gpcvm. So a loaded host is not taken for a hang.
 */
#ifndef GPCVM_PATIENCE_H
#define GPCVM_PATIENCE_H

#include "vcpu/vcpu.h"

#define PATIENCE_NS	  (10 * NS_PER_SEC) /* of time that counts */
#define PATIENCE_WALL_NS  (40 * NS_PER_SEC) /* in all */
/* After that, until a kicked vCPU has left the kernel. */
#define PATIENCE_GRACE_NS (2 * NS_PER_SEC)

enum patience_state {
	PATIENCE_YET,
	PATIENCE_OVER,	/* time out, and kick */
	PATIENCE_STUCK, /* even the kick had no effect */
};

/* Initialised with zeros. One thread polls it. */
struct patience {
	uint64_t since;	      /* when the wait began; ns */
	uint64_t looked;      /* when, last */
	uint64_t spent, wall; /* time that counts; all but standstills */
	struct task_times first, times;
	uint64_t progress;
	enum patience_state state;
	char doing[VCPU_DOING]; /* what the vCPU did at the time-out */
};

/* Poll a wait that began at @since; another @since restarts it. */
enum patience_state patience_look(struct patience *p, struct vcpu *v,
				  uint64_t since, uint64_t now);
/* Poll @job on @v: on a time-out cancel it, or the operation of the agent that it is
 * in. @no_more: cancel it now if it has not begun, or is paused inside. */
enum patience_state patience_job(struct patience *p, struct vcpu *v,
				 struct vcpu_job *job, bool no_more);
/* Wait until the thread has ended, after vcpu_stop(). False if it times out: it
 * still runs. */
bool vcpu_join(struct vcpu *v);

#endif
