// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <stdlib.h>

#include "unit.h"
#include "memory/attrs.h"

static void fresh_map_is_shared_everywhere(void **state)
{
	struct attrs a;

	(void)state;
	attrs_init(&a);
	assert_false(attrs_private(&a, 0));
	assert_false(attrs_private(&a, UINT64_MAX - 1));
	assert_int_equal(attrs_private_bytes(&a, 0, UINT64_MAX), 0);
}

static void end_of_a_run_is_outside_of_it(void **state)
{
	struct attrs a;

	(void)state;
	attrs_init(&a);
	attrs_set(&a, 0x1000, 0x3000, true);
	assert_false(attrs_private(&a, 0xfff));
	assert_true(attrs_private(&a, 0x1000));
	assert_true(attrs_private(&a, 0x2fff));
	assert_false(attrs_private(&a, 0x3000));
	attrs_free(&a);
}

static void neighbours_become_one_run(void **state)
{
	struct attrs a;

	(void)state;
	attrs_init(&a);
	attrs_set(&a, 0x1000, 0x2000, true);
	attrs_set(&a, 0x3000, 0x4000, true);
	assert_int_equal(a.nr, 2);
	attrs_set(&a, 0x2000, 0x3000, true);
	assert_int_equal(a.nr, 1);
	assert_int_equal(attrs_private_bytes(&a, 0, 0x10000), 0x3000);
	attrs_free(&a);
}

static void shared_runs_are_found_one_after_the_other(void **state)
{
	uint64_t at = 0x1000, len;
	struct attrs a;

	(void)state;
	attrs_init(&a);
	assert_true(attrs_next_shared(&a, &at, 0x9000, &len));
	assert_true(at == 0x1000 && len == 0x8000);
	attrs_set(&a, 0, 0x3000, true);
	attrs_set(&a, 0x5000, 0x7000, true);
	assert_true(attrs_next_shared(&a, &at, 0x9000, &len));
	assert_true(at == 0x3000 && len == 0x2000);
	at += len;
	assert_true(attrs_next_shared(&a, &at, 0x9000, &len));
	assert_true(at == 0x7000 && len == 0x2000);
	at += len;
	assert_false(attrs_next_shared(&a, &at, 0x9000, &len));
	at = 0x5000;
	assert_false(attrs_next_shared(&a, &at, 0x7000, &len));
	attrs_free(&a);
}

static void hole_in_a_run_leaves_both_ends(void **state)
{
	struct attrs a;

	(void)state;
	attrs_init(&a);
	attrs_set(&a, 0, 0x10000, true);
	attrs_set(&a, 0x4000, 0x5000, false);
	assert_int_equal(a.nr, 2);
	assert_true(attrs_private(&a, 0x3fff));
	assert_false(attrs_private(&a, 0x4000));
	assert_true(attrs_private(&a, 0x5000));
	attrs_free(&a);
}

#define PAGES 64

/* Against the obvious model: one flag a page. */
static void any_sequence_agrees_with_a_bitmap(void **state)
{
	bool model[PAGES] = { false };
	unsigned int seed = 1;
	struct attrs a;

	(void)state;
	attrs_init(&a);
	for (int i = 0; i < 20000; i++) {
		uint64_t s = (uint64_t)rand_r(&seed) % PAGES;
		uint64_t e = s + (uint64_t)rand_r(&seed) % (PAGES - s + 1);
		bool private = rand_r(&seed) & 1;
		uint64_t bytes = 0;

		assert_int_equal(attrs_set(&a, s << 12, e << 12, private), 0);
		for (uint64_t p = s; p < e; p++)
			model[p] = private;
		for (uint64_t p = 0; p < PAGES; p++) {
			assert_int_equal(attrs_private(&a, p << 12), model[p]);
			bytes += model[p] ? 4096 : 0;
		}
		assert_int_equal(attrs_private_bytes(&a, 0, PAGES << 12),
				 bytes);
		for (size_t r = 1; r < a.nr; r++)
			assert_true(a.runs[r - 1].end < a.runs[r].start);
	}
	attrs_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_map_is_shared_everywhere),
		cmocka_unit_test(end_of_a_run_is_outside_of_it),
		cmocka_unit_test(neighbours_become_one_run),
		cmocka_unit_test(shared_runs_are_found_one_after_the_other),
		cmocka_unit_test(hole_in_a_run_leaves_both_ends),
		cmocka_unit_test(any_sequence_agrees_with_a_bitmap),
	};

	return cmocka_run_group_tests_name("attrs", tests, NULL, NULL);
}
