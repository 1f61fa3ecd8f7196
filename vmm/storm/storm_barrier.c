// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/tsc.h"
#include "storm/storm_barrier.h"

/* In TSC ticks, at most about 1 ns each. Enough for the start time to
 * reach the other CPUs' caches. */
#define AHEAD	      2000
/* How long to wait for the others to be on their CPUs. Halved after each
 * timeout, because their CPUs have other work. */
#define PATIENCE_MAX  150000
#define PATIENCE_ANEW 32      /* rounds */
#define LOOK	      25000   /* spin without yielding */
#define YIELD	      8000000 /* spin and yield */
#define SLEEP_NS      (10 * NS_PER_MS)

/* Was there a time at which all threads were working? */
static bool has_overlapped(struct storm_barrier *b)
{
	uint64_t from = b->from[0], to = b->to[0];
	bool all = true;

	for (unsigned int i = 0; i < b->nr; i++) {
		all = all && b->to[i];
		from = (int64_t)(b->from[i] - from) > 0 ? b->from[i] : from;
		to = (int64_t)(b->to[i] - to) < 0 ? b->to[i] : to;
		b->from[i] = b->to[i] = 0;
	}
	return all && (int64_t)(to - from) > 0;
}

/* Add the distance between the first and the last
 * start of the finished round. */
void storm_barrier_finish(struct storm_barrier *b)
{
	uint64_t first = b->begun[0], last = b->begun[0];

	for (unsigned int i = 0; i < b->nr; i++) {
		uint64_t at = b->begun[i];

		if (!at)
			return;
		first = (int64_t)(at - first) < 0 ? at : first;
		last = (int64_t)(at - last) > 0 ? at : last;
		b->begun[i] = 0;
	}
	hist_add(&b->skew, last - first);
	b->rounds++;
	b->overlapped += has_overlapped(b);
}

void storm_barrier_wake(struct storm_barrier *b)
{
	syscall(SYS_futex, &b->round, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL,
		0);
}

/* The round may change before the sleep, which the futex detects.
 * begin_round() sees @asleep and wakes. */
static void sleep_in(struct storm_barrier *b, uint32_t round)
{
	struct timespec t = { .tv_nsec = SLEEP_NS };

	b->asleep++;
	syscall(SYS_futex, &b->round, FUTEX_WAIT_PRIVATE, round, &t, NULL, 0);
	b->asleep--;
}

static void begin_round(struct storm_barrier *b)
{
	storm_barrier_finish(b);
	/* Return to full patience now and then: the load may have changed. */
	if (!b->late || b->rounds % PATIENCE_ANEW == 0)
		b->patience = PATIENCE_MAX;
	else
		b->patience /= 2;
	b->late = false;
	b->arrived = 0;
	b->on_cpu = 0;
	b->start = 0;
	b->round++;
	if (b->asleep)
		storm_barrier_wake(b);
}

/*
 * Spin until all threads are on a CPU: a thread that was woken or has yielded
 * may have to wait for one. Impossible with more threads than CPUs.
 */
static void line_up(struct storm_barrier *b, const _Atomic bool *stop)
{
	const uint64_t since = tsc();

	if (b->crowded)
		return;
	if (++b->on_cpu == b->nr)
		b->start = tsc() + AHEAD;
	while (!b->start && !*stop) {
		if (tsc() - since > b->patience) {
			b->late = true;
			return;
		}
		__builtin_ia32_pause();
	}
	while (b->start && (int64_t)(tsc() - b->start) < 0)
		__builtin_ia32_pause();
}

static void wait_for_round(struct storm_barrier *b, uint32_t round,
			   const _Atomic bool *stop)
{
	uint64_t since = tsc(), took;

	while (b->round == round && !*stop) {
		took = tsc() - since;
		if (took < LOOK && !b->crowded)
			__builtin_ia32_pause();
		else if (took < YIELD)
			sched_yield();
		else
			sleep_in(b, round);
	}
}

bool storm_barrier_wait(struct storm_barrier *b, unsigned int member,
			const _Atomic bool *stop)
{
	uint32_t round = b->round;

	if (++b->arrived == b->nr)
		begin_round(b);
	else
		wait_for_round(b, round, stop);
	if (*stop)
		return false;
	line_up(b, stop);
	b->begun[member] = tsc();
	return true;
}
