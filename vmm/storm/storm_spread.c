// SPDX-License-Identifier: GPL-2.0-only
/*
 * Give each thread of a storm's groups its own CPU. Otherwise two threads that
 * spin and yield for each other share one CPU for long, even if others are
 * idle, and their operations never overlap.
 */
#include <sched.h>

#include "storm/storm.h"

/* Return the thread that runs the rounds of @t. */
static pthread_t round_thread(const struct storm_thread *t)
{
	return t->w->stays ? t->s->m->vcpus[t->w->vcpu].thread : t->thread;
}

static bool wants_cpu(struct storm_thread *t)
{
	return t->barrier && !t->barrier->crowded &&
	       !pthread_getaffinity_np(round_thread(t), sizeof(t->was),
				       &t->was);
}

static void take_cpu(struct storm_thread *t, cpu_set_t *used)
{
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &t->was) || CPU_ISSET(cpu, used))
			continue;
		CPU_SET(cpu, used);
		CPU_ZERO(&t->own);
		CPU_SET(cpu, &t->own);
		if (!pthread_setaffinity_np(round_thread(t), sizeof(t->own),
					    &t->own))
			return;
	}
	t->spread = false;
}

void storm_spread(struct storm *s)
{
	cpu_set_t used;

	CPU_ZERO(&used);
	/* Pinned vCPUs keep their CPUs; the others avoid them. */
	for (unsigned int i = 0; i < s->nr_threads; i++) {
		struct storm_thread *t = &s->threads[i];

		if (!wants_cpu(t))
			continue;
		t->spread = CPU_COUNT(&t->was) > 1;
		if (!t->spread)
			CPU_OR(&used, &used, &t->was);
	}
	for (unsigned int i = 0; i < s->nr_threads; i++)
		if (s->threads[i].spread)
			take_cpu(&s->threads[i], &used);
}

void storm_gather(struct storm *s)
{
	cpu_set_t now;

	for (unsigned int i = 0; i < s->nr_threads; i++) {
		struct storm_thread *t = &s->threads[i];

		/* Skip a vCPU that was pinned meanwhile. */
		if (t->spread && t->w->stays &&
		    !pthread_getaffinity_np(round_thread(t), sizeof(now),
					    &now) &&
		    CPU_EQUAL(&now, &t->own))
			pthread_setaffinity_np(round_thread(t), sizeof(t->was),
					       &t->was);
	}
}
