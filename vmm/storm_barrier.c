// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "storm_barrier.h"
#include "tsc.h"

#define load(p)	    __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, x) __atomic_store_n(p, x, __ATOMIC_RELEASE)

/* In ticks, some of which make a nanosecond or less. The new round has to reach
 * the other CPUs' caches, and who sleeps has to wake. */
#define AHEAD	    4000
#define AHEAD_WAKE  250000
#define LOOK	    25000   /* without giving up the CPU */
#define YIELD	    8000000 /* giving it up */
#define SLEEP_NS    (10 * NS_PER_MS)

/* How far apart the threads began the round that is over. */
static void note_skew(struct storm_barrier *b)
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
}

static void wake(struct storm_barrier *b)
{
	syscall(SYS_futex, &b->round, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL,
		0);
}

/* Between the look at the round and the sleep it may change: the futex sees
 * that; and who changes it sees that somebody is asleep, or about to be. */
static void sleep_in(struct storm_barrier *b, uint32_t round)
{
	struct timespec t = { .tv_nsec = SLEEP_NS };

	__atomic_add_fetch(&b->asleep, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &b->round, FUTEX_WAIT_PRIVATE, round, &t, NULL, 0);
	__atomic_sub_fetch(&b->asleep, 1, __ATOMIC_SEQ_CST);
}

static void begin_round(struct storm_barrier *b)
{
	bool asleep;

	note_skew(b);
	store(&b->arrived, 0);
	/* Those who are not on a CPU cannot start with the others anyhow. */
	asleep = __atomic_load_n(&b->asleep, __ATOMIC_SEQ_CST);
	b->start = tsc();
	if (!b->crowded)
		b->start += asleep ? AHEAD_WAKE : AHEAD;
	__atomic_add_fetch(&b->round, 1, __ATOMIC_SEQ_CST);
	if (asleep || __atomic_load_n(&b->asleep, __ATOMIC_SEQ_CST))
		wake(b);
}

static void wait_for_round(struct storm_barrier *b, uint32_t round,
			   const bool *stop)
{
	uint64_t since = tsc(), took;

	while (load(&b->round) == round && !load(stop)) {
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
			const bool *stop)
{
	uint32_t round = load(&b->round);

	if (__atomic_add_fetch(&b->arrived, 1, __ATOMIC_ACQ_REL) == b->nr)
		begin_round(b);
	else
		wait_for_round(b, round, stop);
	if (load(stop))
		return false;
	while ((int64_t)(tsc() - b->start) < 0)
		__builtin_ia32_pause();
	b->begun[member] = tsc();
	return true;
}

void storm_barrier_wake(struct storm_barrier *b)
{
	wake(b);
}

void storm_barrier_finish(struct storm_barrier *b)
{
	note_skew(b);
}
