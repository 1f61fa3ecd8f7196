// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "vcpu/agent.h"
#include "vcpu/patience.h"

/* Look at most once in LOOK_NS. If the last look is longer ago than STILL_NS, this
 * process or the whole host stood still. */
#define LOOK_NS	     (100 * NS_PER_MS)
#define STILL_NS     (400 * NS_PER_MS)
/* How often a thread that is joined is kicked. */
#define JOIN_NS	     (20 * NS_PER_MS)
/* Divides time in which the vCPU made progress. */
#define PROGRESS_DIV 4

static uint64_t vcpu_progress(struct vcpu *v)
{
	return v->runs + v->jobs;
}

static void patience_begin(struct patience *p, struct vcpu *v, uint64_t since)
{
	memset(p, 0, sizeof(*p));
	p->since = p->looked = since;
	p->first = p->times = vcpu_times(v);
	p->progress = vcpu_progress(v);
}

/* The part of the time since the last look that counts. */
static uint64_t patience_part(const struct patience *p, uint64_t passed,
			      const struct task_times *t, uint64_t progress)
{
	uint64_t waited = t->waited - p->times.waited;

	/* The present wait is added once it gets a CPU. */
	if (t->there && t->state == 'R' && t->ran == p->times.ran)
		return 0;
	passed -= waited < passed ? waited : passed;
	return progress != p->progress ? passed / PROGRESS_DIV : passed;
}

static void patience_describe(struct patience *p, struct vcpu *v, uint64_t now)
{
	char doing[VCPU_DOING], cpu[96] = "no schedstat: CPU time not known";
	size_t n;

	vcpu_doing(v, now, doing, sizeof(doing));
	if (p->first.there && p->times.there)
		snprintf(cpu, sizeof(cpu),
			 "its thread ran for %" PRIu64
			 " ms, and had no CPU for %" PRIu64 " ms",
			 (p->times.ran - p->first.ran) / NS_PER_MS,
			 (p->times.waited - p->first.waited) / NS_PER_MS);
	n = (size_t)snprintf(p->doing, sizeof(p->doing),
			     "in %" PRIu64 " ms, %s; %s",
			     (now - p->since) / NS_PER_MS, cpu, doing);
	if (n >= sizeof(p->doing))
		memcpy(p->doing + sizeof(p->doing) - 4, "...", 4);
}

enum patience_state patience_look(struct patience *p, struct vcpu *v,
				  uint64_t since, uint64_t now)
{
	uint64_t progress, passed;
	struct task_times t;

	if (p->since != since)
		patience_begin(p, v, since);
	if (now < p->looked + LOOK_NS)
		return p->state;
	t = vcpu_times(v);
	progress = vcpu_progress(v);
	passed = now - p->looked < STILL_NS ? now - p->looked : STILL_NS;
	p->spent += patience_part(p, passed, &t, progress);
	p->wall += passed;
	p->looked = now;
	p->times = t;
	p->progress = progress;
	if (p->state == PATIENCE_YET &&
	    (p->spent > PATIENCE_NS || p->wall > PATIENCE_WALL_NS)) {
		/* Before anything is done about it, which would change it. */
		patience_describe(p, v, now);
		p->state = PATIENCE_OVER;
		p->spent = 0;
	} else if (p->state == PATIENCE_OVER && p->spent > PATIENCE_GRACE_NS) {
		patience_describe(p, v, now);
		p->state = PATIENCE_STUCK;
	}
	return p->state;
}

enum patience_state patience_job(struct patience *p, struct vcpu *v,
				 struct vcpu_job *job, bool no_more)
{
	bool started = job->started;
	uint64_t since = started ? v->agent.op_since : job->queued_ns;
	enum patience_state state = PATIENCE_YET;

	if (since)
		state = patience_look(p, v, since, now_ns());
	if (!started && (no_more || state != PATIENCE_YET)) {
		job->cancelled = true;
		vcpu_kick(v);
	} else if (started && state != PATIENCE_YET) {
		agent_cancel(v, p->doing);
	} else if (started && no_more && vcpu_pausing(v)) {
		/* It does not complete by itself. */
		agent_cancel(v, "");
	}
	return state;
}

bool vcpu_join(struct vcpu *v)
{
	struct patience p = { 0 };
	uint64_t since = now_ns();

	while (v->started) {
		const struct timespec t = clock_at(now_ns() + JOIN_NS);

		if (!pthread_clockjoin_np(v->thread, NULL, CLOCK_MONOTONIC, &t))
			v->started = false;
		else if (patience_look(&p, v, since, now_ns()) != PATIENCE_YET)
			return false;
		else /* the signal may have come just before it slept */
			vcpu_kick(v);
	}
	return true;
}
