// SPDX-License-Identifier: GPL-2.0-only
/* The order of a storm thread's operations, and the common start of rounds. */
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "base/num.h"
#include "storm/storm.h"

#define RANGE (64 * PAGE_SIZE)

static struct storm_worker worker = { .nr_steps = 3,
				      .threads = 1,
				      .any = true };
static const struct storm_step step = { .gpa = 0x400000,
					.len = RANGE,
					.page = true };

/* Hash @n draws of a thread. */
static uint64_t order(uint64_t seed, unsigned int thread, unsigned int n)
{
	struct storm_thread t = { .w = &worker };
	uint64_t len;

	storm_seed(&t, seed, thread);
	for (unsigned int i = 0; i < n; i++) {
		storm_pick(&t, 0);
		storm_place(&t, &step, &len);
	}
	return t.order;
}

static void one_seed_gives_each_thread_one_order(void **state)
{
	(void)state;
	assert_true(order(7, 0, 1000) == order(7, 0, 1000));
	assert_true(order(7, 63, 1000) == order(7, 63, 1000));
	/* The same on any machine: a recording is replayed elsewhere. */
	assert_true(order(1, 0, 100) == UINT64_C(0x7416a08c6870844e));
}

static void other_seeds_threads_and_lengths_give_others(void **state)
{
	uint64_t first = order(7, 0, 1000);

	(void)state;
	for (unsigned int i = 1; i < 64; i++) {
		assert_true(order(7, i, 1000) != first);
		assert_true(order(7 + i, 0, 1000) != first);
		assert_true(order(7, 0, 1000 - i) != first);
	}
}

static void draws_reach_all_that_they_can_and_nothing_else(void **state)
{
	struct storm_thread t = { .w = &worker };
	unsigned int picks[3] = { 0 }, pages[RANGE / PAGE_SIZE] = { 0 };

	(void)state;
	storm_seed(&t, 3, 5);
	for (int i = 0; i < 64000; i++) {
		uint64_t len, gpa;
		unsigned int pick = storm_pick(&t, 0);

		assert_true(pick < 3);
		picks[pick]++;
		gpa = storm_place(&t, &step, &len) - step.gpa;
		assert_true(len == PAGE_SIZE && gpa % PAGE_SIZE == 0 &&
			    gpa < RANGE);
		pages[gpa / PAGE_SIZE]++;
	}
	for (unsigned int i = 0; i < 3; i++)
		assert_in_range(picks[i], 20000, 23000);
	for (unsigned int i = 0; i < ARRAY_SIZE(pages); i++)
		assert_in_range(pages[i], 800, 1200);
}

static void without_any_the_steps_come_in_turn(void **state)
{
	struct storm_worker w = { .nr_steps = 3 };
	struct storm_step whole = step;
	struct storm_thread t = { .w = &w };
	uint64_t len;

	(void)state;
	storm_seed(&t, 3, 5);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(storm_pick(&t, i), i);
	whole.page = false;
	assert_true(storm_place(&t, &whole, &len) == step.gpa && len == RANGE);
}

/* ---- the barrier -------------------------------------------------------- */

#define MEMBERS 5
#define ROUNDS	300

static struct storm_barrier barrier;
static _Atomic unsigned int at[MEMBERS], ahead;
static _Atomic bool stop;

/* No member may be two rounds ahead of another. */
static void *member(void *arg)
{
	unsigned int me = (unsigned int)(uintptr_t)arg;

	for (unsigned int r = 1; r <= ROUNDS; r++) {
		if (!storm_barrier_wait(&barrier, me, &stop))
			break;
		at[me] = r;
		for (unsigned int i = 0; i < MEMBERS; i++) {
			unsigned int other = at[i];

			if (other + 1 < r || other > r + 1)
				ahead++;
		}
	}
	return NULL;
}

static void run_members(pthread_t *threads, unsigned int n)
{
	for (uintptr_t i = 0; i < n; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, member,
						(void *)i),
				 0);
}

static void reset(bool crowded)
{
	memset(&barrier, 0, sizeof(barrier));
	memset(at, 0, sizeof(at));
	barrier.nr = MEMBERS;
	barrier.crowded = crowded;
	ahead = 0;
	stop = false;
}

static void no_round_begins_before_all_are_there(void **state)
{
	pthread_t threads[MEMBERS];

	(void)state;
	for (int crowded = 0; crowded < 2; crowded++) {
		reset(crowded);
		run_members(threads, MEMBERS);
		for (unsigned int i = 0; i < MEMBERS; i++)
			pthread_join(threads[i], NULL);
		storm_barrier_finish(&barrier);
		assert_int_equal(ahead, 0);
		assert_true(barrier.rounds == ROUNDS);
		assert_true(barrier.skew.nr == ROUNDS);
	}
}

/* Rounds of two members with their working times; 0: a failure. */
static void
rounds_count_as_overlapped_where_all_are_at_work_at_once(void **state)
{
	static const struct {
		uint64_t from[2], to[2];
		bool overlapped;
	} rounds[] = {
		{ { 10, 20 }, { 30, 40 }, true },
		{ { 20, 10 }, { 21, 90 }, true },
		{ { 10, 30 }, { 20, 40 }, false },
		{ { 30, 10 }, { 40, 20 }, false },
		{ { 10, 20 }, { 20, 30 }, false },
		{ { 10, 20 }, { 0, 30 }, false },
		{ { 10, 0 }, { 30, 0 }, false },
		/* The counter wraps. */
		{ { UINT64_MAX - 5, 3 }, { 10, 12 }, true },
		{ { UINT64_MAX - 5, 3 }, { 2, 12 }, false },
	};
	uint64_t overlapped = 0;

	(void)state;
	reset(true);
	barrier.nr = 2;
	for (unsigned int i = 0; i < sizeof(rounds) / sizeof(*rounds); i++) {
		for (unsigned int k = 0; k < 2; k++) {
			barrier.begun[k] = 1;
			barrier.from[k] = rounds[i].from[k];
			barrier.to[k] = rounds[i].to[k];
		}
		overlapped += rounds[i].overlapped;
		storm_barrier_finish(&barrier);
		assert_true(barrier.rounds == i + 1);
		if (barrier.overlapped != overlapped)
			fail_msg("round %u", i);
	}
}

static void who_waits_in_vain_is_released_by_stop(void **state)
{
	pthread_t threads[MEMBERS];

	(void)state;
	reset(true);
	run_members(threads, MEMBERS - 1);
	while (barrier.asleep != MEMBERS - 1)
		sched_yield();
	stop = true;
	storm_barrier_wake(&barrier);
	for (unsigned int i = 0; i < MEMBERS - 1; i++)
		pthread_join(threads[i], NULL);
	storm_barrier_finish(&barrier);
	assert_true(!barrier.rounds);
	for (unsigned int i = 0; i < MEMBERS; i++)
		assert_int_equal(at[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_seed_gives_each_thread_one_order),
		cmocka_unit_test(other_seeds_threads_and_lengths_give_others),
		cmocka_unit_test(
			draws_reach_all_that_they_can_and_nothing_else),
		cmocka_unit_test(without_any_the_steps_come_in_turn),
		cmocka_unit_test(no_round_begins_before_all_are_there),
		cmocka_unit_test(
			rounds_count_as_overlapped_where_all_are_at_work_at_once),
		cmocka_unit_test(who_waits_in_vain_is_released_by_stop),
	};

	alarm(300); /* a broken barrier may never open */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
