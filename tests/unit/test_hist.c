// SPDX-License-Identifier: GPL-2.0-only
/* Percentiles without the values, against the values. */
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "base/hist.h"
#include "base/num.h"

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void every_value_belongs_to_a_step_whose_top_is_close_above(void **state)
{
	(void)state;
	for (uint64_t v = 0; v < UINT64_C(1) << HIST_BITS; v += 1 + v / 97) {
		unsigned int step = hist_step(v);

		assert_in_range(step, 0, HIST_STEPS - 1);
		assert_true(hist_top(step) >= v);
		assert_true(hist_top(step) - v <= v / 32);
		assert_true(!step || hist_top(step - 1) < v);
	}
}

static void values_beyond_all_steps_count_with_the_last(void **state)
{
	struct hist h = { 0 };

	(void)state;
	assert_int_equal(hist_step(UINT64_MAX), HIST_STEPS - 1);
	assert_int_equal(hist_step(UINT64_C(1) << HIST_BITS), HIST_STEPS - 1);
	hist_add(&h, 5);
	hist_add(&h, UINT64_MAX - 1);
	assert_true(hist_percentile(&h, 50) == 5);
	assert_true(hist_percentile(&h, 99) == UINT64_MAX - 1);
}

/* The greatest of the lowest @percent of the sorted @v. */
static uint64_t exact(const uint64_t *v, size_t n, unsigned int percent)
{
	return v[(n * percent + 99) / 100 - 1];
}

static void agree(uint64_t *v, size_t n)
{
	struct hist h = { 0 }, parts[2] = { { 0 } };

	for (size_t i = 0; i < n; i++)
		hist_add(&parts[i % 3 == 0], v[i]);
	hist_merge(&h, &parts[0]);
	hist_merge(&h, &parts[1]);
	qsort(v, n, sizeof(*v), by_size);
	assert_true(h.nr == n && h.max == v[n - 1]);
	for (unsigned int p = 1; p <= 100; p++) {
		uint64_t got = hist_percentile(&h, p), want = exact(v, n, p);

		assert_true(got >= want && got - want <= want / 32);
	}
	assert_true(hist_percentile(&h, 100) == v[n - 1]);
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
	static uint64_t v[20000];
	uint64_t x = 88172645463325252;

	(void)state;
	for (unsigned int bits = 1; bits < HIST_BITS; bits += 6) {
		for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			/* small ones are as frequent as great ones */
			v[i] = x >> (64 - bits) >> x % bits;
		}
		agree(v, ARRAY_SIZE(v));
		agree(v, 1);
		agree(v, 7);
		agree(v, 101);
	}
}

static void nothing_has_no_percentiles(void **state)
{
	struct hist h = { 0 };

	(void)state;
	assert_true(!hist_percentile(&h, 50) && !hist_percentile(&h, 99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_value_belongs_to_a_step_whose_top_is_close_above),
		cmocka_unit_test(values_beyond_all_steps_count_with_the_last),
		cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
		cmocka_unit_test(nothing_has_no_percentiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
