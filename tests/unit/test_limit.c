// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"
#include "base/limit.h"

static const char a[] = "a", b[] = "b";

static unsigned int passes(struct limits *l, const char *source, uint64_t now,
			   unsigned int n)
{
	unsigned int passed = 0;
	uint64_t missed;

	while (n--)
		passed += limit_pass(l, source, now, &missed);
	return passed;
}

static void a_burst_passes_whole_and_a_flood_in_powers_of_two(void **state)
{
	struct limits l = { .burst = 8 };

	(void)state;
	assert_int_equal(passes(&l, a, 1, 8), 8);
	assert_int_equal(l.missed, 0);
	assert_int_equal(passes(&l, a, 2, 1 << 20), 20); /* 2, 4, ... 2^20 */
	assert_int_equal(l.missed, (1 << 20) - 20);
}

static void what_was_left_out_is_told_once_and_adds_up(void **state)
{
	struct limits l = { .burst = 1 };
	uint64_t missed, sum = 0;

	(void)state;
	for (int i = 0; i < 1025; i++) {
		if (!limit_pass(&l, a, 1, &missed))
			assert_int_equal(missed, 0);
		sum += missed;
	}
	assert_int_equal(sum, l.missed);
	assert_int_equal(sum, 1024 - 10);
}

static void sources_do_not_share_a_burst(void **state)
{
	struct limits l = { .burst = 2 };

	(void)state;
	passes(&l, a, 1, 1000);
	assert_int_equal(passes(&l, b, 1, 2), 2);
}

static void a_burst_comes_back_with_time_or_never(void **state)
{
	struct limits l = { .burst = 4, .again_ns = 100 };
	struct limits never = { .burst = 4 };
	uint64_t missed;

	(void)state;
	passes(&l, a, 1000, 5);
	assert_int_equal(passes(&l, a, 1099, 1), 1); /* the second in the row */
	assert_true(limit_pass(&l, a, 1100, &missed));
	assert_int_equal(passes(&l, a, 1100, 3), 3);
	assert_int_equal(passes(&l, a, 1100, 1), 0);
	passes(&never, a, 1000, 4 + 4);
	assert_int_equal(passes(&never, a, UINT64_MAX, 3), 0);
}

static void more_sources_than_places_are_limited_too(void **state)
{
	static char many[LIMIT_SOURCES + 10];
	struct limits l = { .burst = 1 };
	unsigned int passed = 0;

	(void)state;
	for (int round = 0; round < 100; round++)
		for (int i = 0; i < LIMIT_SOURCES + 10; i++)
			passed += passes(&l, &many[i], 1, 1);
	assert_in_range(passed, LIMIT_SOURCES, LIMIT_SOURCES * 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_burst_passes_whole_and_a_flood_in_powers_of_two),
		cmocka_unit_test(what_was_left_out_is_told_once_and_adds_up),
		cmocka_unit_test(sources_do_not_share_a_burst),
		cmocka_unit_test(a_burst_comes_back_with_time_or_never),
		cmocka_unit_test(more_sources_than_places_are_limited_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
