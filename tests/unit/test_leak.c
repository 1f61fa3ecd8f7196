// SPDX-License-Identifier: GPL-2.0-only
/* What is said of a page from what was seen. */
#include "tests/unit/fake_world.h"

/* ---- present, absent ---------------------------------------------------- */

static void a_page_in_the_direct_map_is_present_where_it_is(void **state)
{
	struct leak_result res;
	struct leak_page p;

	(void)state;
	w.at[5] = w.guest[0];
	p = measure(&res);
	assert_int_equal(p.state, LEAK_PRESENT);
	assert_true(p.phys == PHYS(5));
	assert_true(p.used && p.restored);
	assert_int_equal(res.control, LEAK_PRESENT);
	assert_true(res.control_phys == PHYS(CONTROL));
	assert_int_equal(res.scans, 1);
	guest_is_as_it_was();
}

static void a_page_out_of_it_is_absent_and_gets_its_content_back(void **state)
{
	struct leak_result res;
	struct leak_page p = measure(&res);

	(void)state;
	assert_int_equal(p.state, LEAK_ABSENT);
	assert_true(p.used && p.restored);
	assert_int_equal(res.control, LEAK_PRESENT);
	assert_true(res.scanned == PHYS(PAGES));
	guest_is_as_it_was();
}

static void several_pages_take_one_scan(void **state)
{
	struct leak_page p[] = { { .gpa = GPA },
				 { .gpa = GPA + PAGE_SIZE },
				 { .gpa = GPA + 2 * PAGE_SIZE } };
	struct leak_result res;

	(void)state;
	w.at[12] = w.guest[0];
	w.at[2] = w.guest[2];
	assert_int_equal(leak_measure(&w.rq, p, 3, &res), 0);
	assert_true(p[0].state == LEAK_PRESENT && p[0].phys == PHYS(12));
	assert_int_equal(p[1].state, LEAK_ABSENT);
	assert_true(p[2].state == LEAK_PRESENT && p[2].phys == PHYS(2));
	assert_int_equal(res.scans, 1);
	guest_is_as_it_was();
}

static void nothing_in_gpcvm_holds_the_words_unmasked(void **state)
{
	struct leak_page p = { .gpa = GPA, .offset = LAST_LINE };
	struct leak_batch b = { &w.rq, &p, 1, 0x5555 };
	const uint64_t *clear = word_at(GPA + LAST_LINE);
	const uint64_t *own = (const uint64_t *)&p;

	(void)state;
	assert_int_equal(leak_plant(&b, &(struct vcpu){ 0 }, NULL), 0);
	for (size_t i = 0; i < sizeof(p) / 8; i++)
		for (int k = 0; k < SECRET_WORDS; k++)
			assert_true(own[i] != clear[k]);
}

static void the_pfn_is_located(void **state)
{
	uint64_t pfn = 0;

	(void)state;
	assert_int_equal(leak_locate(&w.rq, GPA + 0x123, &pfn), -1);
	assert_int_equal(w.rq.err.kind, ERR_STATE);
	assert_non_null(strstr(w.rq.err.msg, "not in the direct map"));
	w.at[5] = w.guest[0];
	assert_int_equal(leak_locate(&w.rq, GPA + 0x123, &pfn), 0);
	assert_true(pfn == 5);
}

/* ---- unknown ------------------------------------------------------------ */

static void without_the_control_page_nothing_is_known(void **state)
{
	struct leak_result res;

	(void)state;
	w.hide = true;
	unknown_because("gpcvm's own page");
	w.at[5] = w.guest[0];
	assert_int_equal(measure(&res).state, LEAK_UNKNOWN);
	assert_int_equal(res.control, LEAK_UNKNOWN);
	assert_int_equal(res.scans, 3);
	guest_is_as_it_was();
}

static void freeze(void)
{
	memcpy(w.old, w.at[CONTROL], PAGE_SIZE);
	w.frozen = CONTROL;
	w.hook = NULL;
}

static void again(void)
{
	freeze();
	w.hook = again;
}

static void a_control_page_that_does_not_change_is_none(void **state)
{
	(void)state;
	w.hook_at = 0;
	w.hook = again;
	unknown_because("does not change with it");
}

static void an_unreadable_page_makes_absent_unknown(void **state)
{
	struct leak_result res;

	(void)state;
	w.bad = 3;
	unknown_because("4096 bytes of the direct map could not be read");
	w.at[5] = w.guest[0];
	assert_int_equal(measure(&res).state, LEAK_PRESENT);
}

static void a_host_whose_memory_grew_makes_absent_unknown(void **state)
{
	struct leak_result res;

	(void)state;
	w.leak.ram -= MIB;
	unknown_because("was resized");
	w.at[5] = w.guest[0];
	assert_int_equal(measure(&res).state, LEAK_PRESENT);
}

static void a_page_that_may_move_is_never_absent(void **state)
{
	(void)state;
	attrs_set(&w.m.memory.attrs, GPA, GPA + PAGE_SIZE, false);
	unknown_because("may have moved");
	w.m.memory.mode = MEM_ANON;
	unknown_because("may have moved");
}

static void punch(void)
{
	memset(w.guest[0], 0, PAGE_SIZE);
}

static void a_page_punched_meanwhile_is_unknown_and_stays_empty(void **state)
{
	(void)state;
	w.hook_at = PAGES - 1;
	w.hook = punch;
	unknown_because("changed during the scan");
	for (size_t i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(w.guest[0][i], 0);
}

static void punch_once(void)
{
	punch();
	w.hook = NULL;
}

static void
a_page_that_was_punched_does_not_get_its_old_content_back(void **state)
{
	struct leak_result res;

	(void)state;
	w.at[5] = w.guest[0];
	w.hook_at = 4;
	w.hook = punch_once;
	assert_int_equal(measure(&res).state, LEAK_PRESENT);
	assert_int_equal(res.scans, 2);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(w.guest[0][i], 0);
}

static void convert(void)
{
	attrs_set(&w.m.memory.attrs, GPA, GPA + PAGE_SIZE, false);
	memset(w.guest[0], 0, PAGE_SIZE);
}

static void a_page_converted_meanwhile_is_not_called_restored(void **state)
{
	struct leak_result res;
	struct leak_page p;

	(void)state;
	w.hook_at = PAGES - 1;
	w.hook = convert;
	p = measure(&res);
	assert_int_equal(p.state, LEAK_UNKNOWN);
	assert_true(p.used && !p.restored);
	assert_non_null(strstr(p.why, "converted to shared"));
	for (size_t i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(w.guest[0][i], 0);
}

static void write_word(void)
{
	*word_at(GPA + LAST_LINE + 16) = 42;
}

static void what_others_write_meanwhile_stays(void **state)
{
	(void)state;
	w.hook_at = PAGES - 1;
	w.hook = write_word;
	unknown_because("changed during the scan");
	assert_true(*word_at(GPA + LAST_LINE + 16) == 42);
	for (size_t i = 0; i < SECRET_BYTES; i++) {
		size_t at = LAST_LINE + i;

		if (i / 8 != 2)
			assert_int_equal(w.guest[0][at],
					 (uint8_t)(at * 7 + at / 256));
	}
}

static void move(void)
{
	/* The old page keeps what it had, the guest goes on at 7. */
	memcpy(w.old, w.guest[0], PAGE_SIZE);
	w.frozen = 1;
	w.at[7] = w.guest[0];
	w.hook = NULL;
}

static void a_page_that_moved_is_found_where_it_is_now(void **state)
{
	struct leak_result res;
	struct leak_page p;

	(void)state;
	w.at[1] = w.guest[0];
	w.hook_at = 1;
	w.hook = move;
	p = measure(&res);
	assert_int_equal(p.state, LEAK_PRESENT);
	assert_true(p.phys == PHYS(7));
	assert_int_equal(res.scans, 2);
	guest_is_as_it_was();
}

static void a_page_without_a_slot_is_unknown_and_not_touched(void **state)
{
	(void)state;
	w.m.memory.slots[0].present = false;
	unknown_because("no slot at this gpa");
	guest_is_as_it_was();
}

static void a_fault_of_the_guest_is_told(void **state)
{
	(void)state;
	w.status = ST_FAULT;
	unknown_because("the guest took #PF");
	w.status = ST_BAD_OP;
	unknown_because("cannot map the page");
}

static void a_kcore_that_is_none_is_unknown_with_nothing_planted(void **state)
{
	struct leak_result res;
	struct leak_page p;

	(void)state;
	w.no_elf = true;
	p = measure(&res);
	assert_int_equal(p.state, LEAK_UNKNOWN);
	assert_int_equal(res.control, LEAK_UNKNOWN);
	assert_false(p.used);
	assert_int_equal(w.reads, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

static void only_what_both_know_can_differ(void **state)
{
	char text[64];

	(void)state;
	assert_false(leak_differs(LEAK_PRESENT, MODEL_MAP_PRESENT, text));
	assert_false(leak_differs(LEAK_ABSENT, MODEL_MAP_ABSENT, text));
	assert_false(leak_differs(LEAK_PRESENT, MODEL_MAP_UNKNOWN, text));
	assert_false(leak_differs(LEAK_ABSENT, MODEL_MAP_UNKNOWN, text));
	assert_false(leak_differs(LEAK_UNKNOWN, MODEL_MAP_PRESENT, text));
	assert_false(leak_differs(LEAK_UNKNOWN, MODEL_MAP_ABSENT, text));
	assert_true(leak_differs(LEAK_PRESENT, MODEL_MAP_ABSENT, text));
	assert_string_equal(text, "model: absent; kcore: present");
	assert_true(leak_differs(LEAK_ABSENT, MODEL_MAP_PRESENT, text));
	assert_string_equal(text, "model: present; kcore: absent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_page_in_the_direct_map_is_present_where_it_is),
		TEST(a_page_out_of_it_is_absent_and_gets_its_content_back),
		TEST(several_pages_take_one_scan),
		TEST(nothing_in_gpcvm_holds_the_words_unmasked),
		TEST(the_pfn_is_located),
		TEST(without_the_control_page_nothing_is_known),
		TEST(a_control_page_that_does_not_change_is_none),
		TEST(an_unreadable_page_makes_absent_unknown),
		TEST(a_host_whose_memory_grew_makes_absent_unknown),
		TEST(a_page_that_may_move_is_never_absent),
		TEST(a_page_punched_meanwhile_is_unknown_and_stays_empty),
		TEST(a_page_that_was_punched_does_not_get_its_old_content_back),
		TEST(a_page_converted_meanwhile_is_not_called_restored),
		TEST(what_others_write_meanwhile_stays),
		TEST(a_page_that_moved_is_found_where_it_is_now),
		TEST(a_page_without_a_slot_is_unknown_and_not_touched),
		TEST(a_fault_of_the_guest_is_told),
		TEST(a_kcore_that_is_none_is_unknown_with_nothing_planted),
		cmocka_unit_test(only_what_both_know_can_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
