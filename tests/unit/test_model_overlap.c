// SPDX-License-Identifier: GPL-2.0-only
/* The model with overlapping operations, and its reports. */
#include <string.h>

#include "model_world.h"

/* ---- overlapping operations --------------------------------------------- */

static void plain(struct world *w)
{
	world_make(w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 2);
	model_switch(&w->model, 0, GPA, true, false);
	model_switch(&w->model, 1, TWIN, true, false);
}

static void punch_within_a_check_makes_it_unknown(void **unused)
{
	struct model_use u;
	struct world w;

	(void)unused;
	plain(&w);
	model_begin(&w.model, 0, &u);
	world_act(&w, 'p', GPA);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_UNKNOWN);
	assert_string_equal(world_state(&w, 0, 0), "unknown ? unknown fresh");
	world_use(&w, 0);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	world_drop(&w);
}

static void what_begins_before_or_ends_after_a_check_counts(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA,
				 .len = PAGE_SIZE };
	struct model_use u;
	struct world w;

	(void)unused;
	plain(&w);
	memory_begin(&w.mem, &ch);
	model_begin(&w.model, 0, &u);
	memory_end(&w.mem, &ch, false);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_UNKNOWN);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	model_begin(&w.model, 0, &u);
	memory_begin(&w.mem, &ch);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_UNKNOWN);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	memory_end(&w.mem, &ch, false);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_drop(&w);
}

static void what_is_done_elsewhere_does_not_count(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA - PAGE_SIZE,
				 .len = PAGE_SIZE };
	struct model_use u;
	struct world w;

	(void)unused;
	plain(&w);
	memory_begin(&w.mem, &ch);
	model_begin(&w.model, 0, &u);
	world_act(&w, '>', GPA);
	world_act(&w, 'p', TWIN);
	model_switch(&w.model, 1, TWIN, false, false);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_FRESH);
	memory_end(&w.mem, &ch, false);
	world_drop(&w);
}

static void switch_within_a_check_makes_it_unknown(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA,
				 .len = PAGE_SIZE };
	struct model_use u;
	struct world w;

	(void)unused;
	plain(&w);
	model_begin(&w.model, 0, &u);
	model_switch(&w.model, 0, GPA, false, false);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_UNKNOWN);
	assert_string_equal(world_state(&w, 0, 0), "off 0 absent absent");
	memory_begin(&w.mem, &ch);
	model_switch(&w.model, 0, GPA, true, false);
	memory_end(&w.mem, &ch, false);
	world_use(&w, 1);
	assert_string_equal(world_state(&w, 0, 0), "unknown ? unknown fresh");
	world_drop(&w);
}

static void change_that_failed_may_be_half_done(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA,
				 .len = PAGE_SIZE };
	struct world w;

	(void)unused;
	plain(&w);
	memory_begin(&w.mem, &ch);
	memory_end(&w.mem, &ch, true);
	assert_string_equal(world_state(&w, 0, 0), "unknown ? unknown fresh");
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	model_doubt(&w.model, 0);
	assert_string_equal(world_state(&w, 0, 0), "unknown ? unknown fresh");
	world_drop(&w);
}

static void blur_leaves_what_is_off_and_what_a_use_tells(void **unused)
{
	struct model_use u;
	struct world w;

	(void)unused;
	plain(&w);
	model_switch(&w.model, 1, TWIN, false, false);
	model_begin(&w.model, 0, &u);
	model_blur(&w.model);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_UNKNOWN);
	assert_string_equal(world_state(&w, 0, 0), "unknown ? unknown fresh");
	/* The other cache's page is unknown as well. */
	assert_string_equal(world_state(&w, 1, 0), "off ? unknown absent");
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	assert_string_equal(world_state(&w, 1, 0), "off 0 absent absent");
	world_drop(&w);
}

static void nothing_is_expected_while_it_is_suspended(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA,
				 .len = PAGE_SIZE };
	struct world w;

	(void)unused;
	plain(&w);
	model_suspend(&w.model);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	memory_begin(&w.mem, &ch); /* outlives the storm */
	world_act(&w, 'p', TWIN);
	model_resume(&w.model);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	assert_int_equal(world_use(&w, 1), EXPECT_UNKNOWN);
	memory_end(&w.mem, &ch, false);
	assert_string_equal(world_state(&w, 0, 0), "unknown ? unknown fresh");
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	assert_int_equal(world_use(&w, 1), EXPECT_FRESH);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	world_drop(&w);
}

static void what_began_before_a_storm_may_end_in_it(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA,
				 .len = PAGE_SIZE };
	struct world w;

	(void)unused;
	plain(&w);
	memory_begin(&w.mem, &ch);
	model_suspend(&w.model);
	memory_end(&w.mem, &ch, false);
	model_resume(&w.model);
	assert_null(w.model.flying);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_drop(&w);
}

static void poison_is_not_forgotten_in_a_storm(void **unused)
{
	struct world w;

	(void)unused;
	plain(&w);
	model_suspend(&w.model);
	world_act(&w, 'e', GPA);
	model_resume(&w.model);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	world_act(&w, 'p', GPA);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_drop(&w);
}

/* ---- reports ------------------------------------------------------------ */

static bool tells(struct world *w, const char *text)
{
	struct json j;
	bool r;

	json_init(&j);
	json_object(&j, NULL);
	model_json(&w->model, 0, &j);
	json_object_end(&j);
	r = strstr(json_text(&j), text);
	if (!r)
		print_message("%s\n", json_text(&j));
	json_free(&j);
	return r;
}

static void json_has_an_object_for_each_cache(void **unused)
{
	uint64_t before, after;
	struct world w;

	(void)unused;
	world_split(&w, GMEM_DIRECT_2024);
	world_act(&w, 's', GPA + PAGE_SIZE);
	assert_true(tells(
		&w, "\"model\":[{\"active\":\"yes\",\"valid\":\"yes\","
		    "\"private\":\"yes\",\"unmap_owed\":\"no\",\"refs\":1,"
		    "\"direct_map\":\"present\",\"writes\":\"page\"},"
		    "{\"active\":\"yes\",\"valid\":\"no\",\"private\":\"yes\","
		    "\"unmap_owed\":\"yes\",\"refs\":1,"
		    "\"direct_map\":\"present\",\"writes\":\"page\"}]"));
	model_direct_map(&w.model, GPA, &before);
	model_blur(&w.model);
	assert_int_equal(model_direct_map(&w.model, GPA, &after),
			 MODEL_MAP_UNKNOWN);
	assert_int_not_equal(before, after);
	assert_true(tells(&w, "\"valid\":\"unknown\",\"private\":\"unknown\","
			      "\"unmap_owed\":\"unknown\",\"refs\":null,"
			      "\"direct_map\":\"unknown\""));
	world_drop(&w);
	world_make(&w, MEM_GMEM_PRIVATE, GMEM_PRIVATE, 1);
	model_switch(&w.model, 0, GPA, true, false);
	assert_true(tells(&w, "\"writes\":\"alias\""));
	world_act(&w, 'd', GPA);
	assert_true(tells(&w, "\"writes\":\"nowhere\""));
	world_drop(&w);
}

static bool nowhere(struct world *w)
{
	struct model_use u;

	model_begin(&w->model, 0, &u);
	model_end(&w->model, 0, &u);
	return u.nowhere;
}

static void kvm_may_write_nothing_where_no_page_is(void **unused)
{
	struct model_use u;
	struct world w;

	(void)unused;
	world_make(&w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 1);
	model_switch(&w.model, 0, GPA, true, false);
	assert_false(nowhere(&w));
	world_act(&w, 'e', GPA);
	assert_true(nowhere(&w));
	world_act(&w, 'p', GPA); /* replaces the page */
	assert_false(nowhere(&w));
	world_act(&w, 'd', GPA);
	assert_true(nowhere(&w));
	world_act(&w, 'r', GPA);
	world_act(&w, 'x', GPA);
	assert_true(nowhere(&w));
	model_begin(&w.model, 0, &u);
	world_act(&w, 's', GPA); /* meanwhile: the write may be later */
	model_end(&w.model, 0, &u);
	assert_false(u.nowhere);
	assert_false(nowhere(&w));
	world_drop(&w);
	/* With private memory, kernels of other
	 * families always write the alias. */
	world_make(&w, MEM_GMEM_PRIVATE, GMEM_PRIVATE, 1);
	model_switch(&w.model, 0, GPA, true, false);
	world_act(&w, 'x', GPA);
	assert_false(nowhere(&w));
	world_drop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(punch_within_a_check_makes_it_unknown),
		cmocka_unit_test(
			what_begins_before_or_ends_after_a_check_counts),
		cmocka_unit_test(what_is_done_elsewhere_does_not_count),
		cmocka_unit_test(switch_within_a_check_makes_it_unknown),
		cmocka_unit_test(change_that_failed_may_be_half_done),
		cmocka_unit_test(blur_leaves_what_is_off_and_what_a_use_tells),
		cmocka_unit_test(nothing_is_expected_while_it_is_suspended),
		cmocka_unit_test(what_began_before_a_storm_may_end_in_it),
		cmocka_unit_test(poison_is_not_forgotten_in_a_storm),
		cmocka_unit_test(json_has_an_object_for_each_cache),
		cmocka_unit_test(kvm_may_write_nothing_where_no_page_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
