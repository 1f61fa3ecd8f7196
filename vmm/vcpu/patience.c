// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "vcpu/patience.h"

/* Look no more often than that; and if the last look is longer ago than the
 * other, this process or all of the machine stood still. */
#define LOOK_NS	     (100 * NS_PER_MS)
#define STILL_NS     (400 * NS_PER_MS)
/* Time with progress counts for a part of it. */
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

/* How much of what has passed since the last look counts. */
static uint64_t patience_part(const struct patience *p, uint64_t passed,
			      const struct task_times *t, uint64_t progress)
{
	uint64_t waited = t->waited - p->times.waited;

	/* What it waits now is added when it gets a CPU. */
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
		/* Before anything is done about it, or it would tell of that. */
		patience_describe(p, v, now);
		p->state = PATIENCE_OVER;
		p->spent = 0;
	} else if (p->state == PATIENCE_OVER && p->spent > PATIENCE_GRACE_NS) {
		patience_describe(p, v, now);
		p->state = PATIENCE_STUCK;
	}
	return p->state;
}
