// SPDX-License-Identifier: GPL-2.0-only
/* The model with several caches, slots and files. */
#include <string.h>

#include "model_world.h"

/* ---- several caches ----------------------------------------------------- */

static void two(struct world *w)
{
	world_make(w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 2);
	model_switch(&w->model, 0, GPA, true, false);
	model_switch(&w->model, 1, GPA + SIZE, true, false);
}

/* Two caches on one folio: deactivating or moving one leaves the other working
 * and the folio in the direct map. */
static void packed_caches_hold_a_reference_each(void **unused)
{
	struct world w;

	(void)unused;
	two(&w);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 2 present fresh");
	model_switch(&w.model, 1, GPA + SIZE, false, false);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	model_switch(&w.model, 1, GPA + SIZE, true, false);
	model_switch(&w.model, 1, GPA + PAGE_SIZE, true, false);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	assert_string_equal(world_state(&w, 1, 0),
			    "valid private 1 present fresh");
	model_switch(&w.model, 0, GPA, false, false);
	assert_string_equal(world_state(&w, 0, 0), "off 0 absent absent");
	assert_string_equal(world_state(&w, 1, 0),
			    "valid private 1 present fresh");
	world_drop(&w);
}

static void one_punch_takes_the_references_of_all(void **unused)
{
	struct world w;

	(void)unused;
	two(&w);
	world_act(&w, 'p', GPA);
	assert_string_equal(world_state(&w, 0, 0),
			    "invalid private 0 unknown fresh");
	assert_string_equal(world_state(&w, 1, 0),
			    "invalid private 0 unknown fresh");
	world_use(&w, 0);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	assert_string_equal(world_state(&w, 1, 0),
			    "invalid private 1 present fresh");
	model_switch(&w.model, 0, GPA, false, false);
	/* The other may have been used, or not. */
	assert_string_equal(world_state(&w, 1, 0),
			    "invalid private 0 unknown fresh");
	world_use(&w, 1);
	assert_string_equal(world_state(&w, 1, 0),
			    "valid private 1 present fresh");
	world_drop(&w);
}

static void references_are_owed_one_by_one_after_a_flip(void **unused)
{
	struct world w;

	(void)unused;
	two(&w);
	world_act(&w, 's', GPA);
	assert_string_equal(world_state(&w, 0, 0),
			    "invalid private owed 2 present fresh");
	world_use(&w, 0);
	assert_string_equal(world_state(&w, 0, 0), "valid 0 present fresh");
	assert_string_equal(world_state(&w, 1, 0),
			    "invalid private owed 1 present fresh");
	world_act(&w, 'S', GPA);
	assert_string_equal(world_state(&w, 1, 0),
			    "invalid private owed 1 unknown fresh");
	world_act(&w, 'p', GPA);
	assert_string_equal(world_state(&w, 1, 0),
			    "invalid private 0 unknown fresh");
	world_drop(&w);
}

static void each_half_of_a_split_page_is_its_own(void **unused)
{
	struct world w;

	(void)unused;
	world_split(&w, GMEM_DIRECT_2024);
	world_act(&w, 'p', GPA);
	assert_string_equal(world_state(&w, 0, 0),
			    "invalid private 0 unknown fresh");
	assert_string_equal(world_state(&w, 0, 1),
			    "valid private 1 present fresh");
	world_use(&w, 0);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	world_act(&w, 's', GPA + PAGE_SIZE);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	assert_string_equal(world_state(&w, 0, 1),
			    "invalid private owed 1 present fresh");
	world_act(&w, '<', GPA);
	world_act(&w, '>', GPA + PAGE_SIZE);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	/* To a place within one page: the second cache is off. */
	model_switch(&w.model, 0, GPA + PAGE_SIZE - SIZE, true, false);
	assert_int_equal(w.model.entries[0].nr, 1);
	assert_false(w.model.entries[0].cache[1].active);
	world_drop(&w);
}

static void halves_that_go_different_ways_are_not_guessed_at(void **unused)
{
	struct world w;

	(void)unused;
	world_split(&w, GMEM_PRIVATE);
	assert_int_equal(world_use(&w, 0), EXPECT_STALE);
	world_act(&w, 's', GPA);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	world_act(&w, 's', GPA + PAGE_SIZE);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	/* One unreachable page is enough. */
	model_switch(&w.model, 0, SLOT + 8 * MIB - 16, true, false);
	assert_int_equal(world_use(&w, 0), EXPECT_ABSENT);
	world_drop(&w);
}

/* ---- slots and files ---------------------------------------------------- */

static void page_of_a_file_is_found_through_the_slots_offset(void **unused)
{
	struct model_page p, q;
	struct world w;

	(void)unused;
	world_make(&w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 2);
	assert_true(model_guest_page(&w.model, GPA, &p));
	assert_int_equal(p.space, 1);
	assert_int_equal(p.index, OFFSET / PAGE_SIZE + 8);
	world_restore_slot(&w, AWAY);
	assert_true(model_guest_page(&w.model, AWAY + 8 * PAGE_SIZE + 5, &q));
	assert_true(model_same(p, q));
	assert_false(model_guest_page(&w.model, GPA, &p));
	world_drop(&w);
}

static void slots_that_share_a_file_share_its_end_and_no_pages(void **unused)
{
	struct world w;

	(void)unused;
	world_make(&w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 3);
	model_switch(&w.model, 0, GPA, true, false);
	model_switch(&w.model, 1, TWIN + 8 * PAGE_SIZE, true, false);
	model_switch(&w.model, 2, MIB, true, false); /* of file 0 */
	world_act(&w, 'p', TWIN + 8 * PAGE_SIZE);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	assert_string_equal(world_state(&w, 1, 0),
			    "invalid private 0 unknown fresh");
	world_use(&w, 1);
	world_act(&w, 'x', 0);
	assert_string_equal(world_state(&w, 0, 0),
			    "invalid private 0 unknown absent");
	assert_string_equal(world_state(&w, 1, 0),
			    "invalid private 0 unknown absent");
	assert_string_equal(world_state(&w, 2, 0),
			    "valid private 1 present fresh");
	world_drop(&w);
}

static void cache_keeps_the_page_of_the_slot_that_was_moved_away(void **unused)
{
	struct world w;

	(void)unused;
	two(&w);
	model_switch(&w.model, 1, MIB, true, false);
	world_act(&w, 'm', GPA);
	/* The page is now elsewhere, and still referenced as far as known. */
	assert_int_equal(model_map_locked(&w.model, AWAY + 8 * PAGE_SIZE),
			 MODEL_MAP_UNKNOWN);
	world_use(&w, 0);
	assert_int_equal(model_map_locked(&w.model, AWAY + 8 * PAGE_SIZE),
			 MODEL_MAP_ABSENT);
	model_switch(&w.model, 0, AWAY + 8 * PAGE_SIZE, true, false);
	assert_string_equal(world_state(&w, 0, 0),
			    "valid private 1 present fresh");
	assert_string_equal(world_state(&w, 1, 0),
			    "valid private 1 present fresh");
	world_drop(&w);
}

/* Move slot 2 to the place of the deleted slot 1. */
static void take_place(struct world *w)
{
	struct mem_change ch = { .kind = MEM_SLOT_THERE,
				 .gpa = SLOT,
				 .len = MIB };

	world_delete_slot(w);
	memory_begin(&w->mem, &ch);
	w->mem.slots[2].gpa = SLOT;
	memory_end(&w->mem, &ch, false);
}

static void cache_by_gpa_follows_the_slot_that_took_the_place(void **unused)
{
	struct world w;

	(void)unused;
	world_make(&w, MEM_GMEM, GMEM_MMAP, 1);
	model_switch(&w.model, 0, GPA, true, false);
	take_place(&w);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	assert_true(w.model.entries[0].cache[0].page.index == 8);
	world_change(&w, MEM_PUNCHED, GPA, PAGE_SIZE);
	assert_false(w.model.entries[0].cache[0].valid);
	world_drop(&w);
}

static void
cache_by_hva_stays_where_it_is_when_the_place_is_taken(void **unused)
{
	const struct model_cache *c;
	struct world w;

	(void)unused;
	world_make(&w, MEM_GMEM, GMEM_MMAP, 1);
	model_switch(&w.model, 0, GPA, true, true);
	c = &w.model.entries[0].cache[0];
	take_place(&w);
	assert_int_equal(world_use(&w, 0), EXPECT_STALE);
	/* Another page than KVM's. */
	world_change(&w, MEM_PUNCHED, GPA, PAGE_SIZE);
	assert_true(c->valid && c->sure);
	assert_int_equal(world_use(&w, 0), EXPECT_STALE);
	/* KVM's page again, at another gpa. */
	world_restore_slot(&w, AWAY);
	world_change(&w, MEM_PUNCHED, AWAY + (GPA - SLOT), PAGE_SIZE);
	assert_false(c->valid);
	world_drop(&w);
}

static void
reference_on_a_page_of_the_slot_before_is_not_guessed_at(void **unused)
{
	const struct model_cache *c;
	struct world w;

	(void)unused;
	world_make(&w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 1);
	model_switch(&w.model, 0, GPA, true, false);
	c = &w.model.entries[0].cache[0];
	assert_true(c->held);
	take_place(&w);
	assert_true(c->held && c->sure);
	world_change(&w, MEM_PUNCHED, GPA, PAGE_SIZE);
	assert_false(c->sure);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_drop(&w);
}

static void private_page_without_a_file_is_absent(void **unused)
{
	struct world w;

	(void)unused;
	world_make(&w, MEM_GMEM_PRIVATE, GMEM_PRIVATE, 1);
	model_switch(&w.model, 0, BARE, true, false);
	assert_int_equal(world_use(&w, 0), EXPECT_ABSENT);
	world_act(&w, 's', BARE);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_drop(&w);
}

static void pages_on_top_of_each_other_are_not_guessed_at(void **unused)
{
	struct world w;

	(void)unused;
	two(&w);
	model_switch(&w.model, 1, GPA + SIZE - 1, true, false);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	assert_int_equal(world_use(&w, 1), EXPECT_UNKNOWN);
	model_switch(&w.model, 1, GPA + SIZE - 1, false, false);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_drop(&w);
}

static void gpa_that_kvm_does_not_take_is_not_guessed_at(void **unused)
{
	struct world w;

	(void)unused;
	world_make(&w, MEM_ANON, GMEM_NONE, 1);
	model_describe(&w.model, 0,
		       &(struct model_kind){ .size = SIZE, .align = 64 });
	model_switch(&w.model, 0, GPA + 4, true, false);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	model_switch(&w.model, 0, GPA + 64, true, false);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_drop(&w);
}

static void only_what_kvm_does_not_write_over_can_be_scribbled_on(void **unused)
{
	struct world w;

	(void)unused;
	world_make(&w, MEM_ANON, GMEM_NONE, 1);
	model_switch(&w.model, 0, GPA, true, false);
	model_scribble(&w.model, GPA, SIZE);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	w.model.entries[0].fragile = true;
	model_scribble(&w.model, GPA - 8, 8);
	model_scribble(&w.model, GPA + SIZE, 8);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	model_scribble(&w.model, GPA + SIZE - 1, 8);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	world_act(&w, 'p', GPA);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_drop(&w);
}

static enum model_expect look_at(struct world *w)
{
	struct model_use u;

	model_begin_look(&w->model, 0, &u);
	return model_end(&w->model, 0, &u);
}

/* A cache that KVM is not made to use is known only if
 * nothing else happened. */
static void what_is_left_there_is_known_until_something_is_done(void **unused)
{
	struct world w;

	(void)unused;
	world_make(&w, MEM_ANON, GMEM_NONE, 1);
	model_switch(&w.model, 0, GPA, true, false);
	assert_int_equal(look_at(&w), EXPECT_FRESH);
	world_act(&w, 'p', GPA);
	assert_int_equal(look_at(&w), EXPECT_UNKNOWN);
	assert_int_equal(look_at(&w), EXPECT_UNKNOWN); /* it repairs nothing */
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	assert_int_equal(look_at(&w), EXPECT_FRESH);
	model_scribble(&w.model, GPA + 8, 1);
	assert_int_equal(look_at(&w), EXPECT_UNKNOWN);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	assert_int_equal(look_at(&w), EXPECT_FRESH);
	model_switch(&w.model, 0, GPA, false, false);
	assert_int_equal(look_at(&w), EXPECT_ABSENT);
	world_drop(&w);
}

/* A byte of which KVM keeps bits, as long as the memory stays the same. */
static void bits_that_kvm_keeps_are_not_guessed_at(void **unused)
{
	struct world w;

	(void)unused;
	world_make(&w, MEM_ANON, GMEM_NONE, 1);
	w.model.entries[0].kept = 29;
	model_switch(&w.model, 0, GPA, true, false);
	model_scribble(&w.model, GPA + 28, 1);
	model_scribble(&w.model, GPA + 30, 1);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	model_scribble(&w.model, GPA + 24, 8);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	model_switch(&w.model, 0, GPA, true, false);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	world_act(&w, 'p', GPA);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_drop(&w);
}

static void too_many_poisoned_pages_make_all_unknown(void **unused)
{
	struct world w;

	(void)unused;
	world_make(&w, MEM_ANON, GMEM_NONE, 1);
	model_switch(&w.model, 0, GPA, true, false);
	for (uint64_t i = 0; i < MODEL_BAD; i++)
		world_change(&w, MEM_POISONED, SLOT + MIB + i * PAGE_SIZE,
			     PAGE_SIZE);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_change(&w, MEM_PUNCHED, SLOT + MIB, PAGE_SIZE);
	world_change(&w, MEM_POISONED, SLOT + MIB, PAGE_SIZE);
	assert_int_equal(world_use(&w, 0), EXPECT_FRESH);
	world_change(&w, MEM_POISONED, SLOT + 2 * MIB, PAGE_SIZE);
	assert_int_equal(world_use(&w, 0), EXPECT_UNKNOWN);
	world_drop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed_caches_hold_a_reference_each),
		cmocka_unit_test(one_punch_takes_the_references_of_all),
		cmocka_unit_test(references_are_owed_one_by_one_after_a_flip),
		cmocka_unit_test(each_half_of_a_split_page_is_its_own),
		cmocka_unit_test(
			halves_that_go_different_ways_are_not_guessed_at),
		cmocka_unit_test(
			page_of_a_file_is_found_through_the_slots_offset),
		cmocka_unit_test(
			slots_that_share_a_file_share_its_end_and_no_pages),
		cmocka_unit_test(
			cache_keeps_the_page_of_the_slot_that_was_moved_away),
		cmocka_unit_test(
			cache_by_gpa_follows_the_slot_that_took_the_place),
		cmocka_unit_test(
			cache_by_hva_stays_where_it_is_when_the_place_is_taken),
		cmocka_unit_test(
			reference_on_a_page_of_the_slot_before_is_not_guessed_at),
		cmocka_unit_test(private_page_without_a_file_is_absent),
		cmocka_unit_test(pages_on_top_of_each_other_are_not_guessed_at),
		cmocka_unit_test(gpa_that_kvm_does_not_take_is_not_guessed_at),
		cmocka_unit_test(
			only_what_kvm_does_not_write_over_can_be_scribbled_on),
		cmocka_unit_test(
			what_is_left_there_is_known_until_something_is_done),
		cmocka_unit_test(bits_that_kvm_keeps_are_not_guessed_at),
		cmocka_unit_test(too_many_poisoned_pages_make_all_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
