// SPDX-License-Identifier: GPL-2.0-only
/* When measuring breaks off, and where the words go. */
#include "tests/unit/fake_world.h"

/* ---- errors ------------------------------------------------------------- */

static void without_kcore_it_is_unsupported_with_what_to_do(void **state)
{
	struct leak_page p = { .gpa = GPA };
	struct leak_result res;

	(void)state;
	w.leak.kcore = -1;
	w.leak.kcore_errno = ENOENT;
	assert_int_equal(leak_measure(&w.rq, &p, 1, &res), -1);
	assert_int_equal(w.rq.err.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(w.rq.err.msg, "CONFIG_PROC_KCORE"));
	w.leak.kcore_errno = EPERM;
	assert_int_equal(leak_check(&w.leak, &w.rq.err), -1);
	assert_int_equal(w.rq.err.kind, ERR_UNSUPPORTED);
	assert_int_equal(w.rq.err.os_errno, EPERM);
	assert_non_null(strstr(w.rq.err.msg, "lockdown"));
	guest_is_as_it_was();
}

static void leave(void)
{
	w.leave = true;
}

static void a_client_that_goes_ends_it_and_the_guest_is_restored(void **state)
{
	struct leak_page p = { .gpa = GPA };
	struct leak_result res;

	(void)state;
	w.hook_at = 2;
	w.hook = leave;
	assert_int_equal(leak_measure(&w.rq, &p, 1, &res), -1);
	assert_int_equal(w.rq.err.kind, ERR_STATE);
	assert_true(p.used && p.restored);
	guest_is_as_it_was();
	assert_null(w.leak.first); /* the next has its turn */
}

static void a_vcpu_that_breaks_off_is_gone_on_from(void **state)
{
	struct leak_page p[] = { { .gpa = GPA, .offset = LAST_LINE },
				 { .gpa = GPA + PAGE_SIZE,
				   .offset = LAST_LINE } };
	struct leak_batch b = { &w.rq, p, 2, 0x5555 };
	struct vcpu v = { 0 };

	(void)state;
	for (unsigned int n = 1; n <= 4; n++) { /* operations that work */
		w.fail_after = n;
		assert_int_equal(leak_plant(&b, &v, NULL), -1);
		w.fail_after = 0;
		assert_int_equal(leak_plant(&b, &v, NULL), 0);
		assert_true(p[0].planted && p[1].planted);
		p[0].seen = p[1].seen = true;
		b.mask++;
		w.fail_after = n;
		assert_int_equal(leak_change(&b, &v, NULL), -1);
		w.fail_after = 0;
		assert_int_equal(leak_change(&b, &v, NULL), 0);
		assert_true(p[0].intact && p[1].intact);
		w.fail_after = n;
		assert_int_equal(leak_restore(&b, &v, NULL), -1);
		w.fail_after = 0;
		assert_int_equal(leak_restore(&b, &v, NULL), 0);
		guest_is_as_it_was();
		for (int i = 0; i < 2; i++)
			p[i] = (struct leak_page){ .gpa = p[i].gpa,
						   .offset = LAST_LINE };
	}
}

/* ---- the place in the page ---------------------------------------------- */

static const struct pv_kind small = { .size = 32 }, large = { .size = 4040 };
static const struct pv_kind led = { .size = PAGE_SIZE, .lead = 2048 };

static void pv(unsigned int i, const struct pv_kind *k, uint64_t gpa)
{
	w.pv[i] = (struct pv_page){ .kind = k, .gpa = gpa, .on = true };
	w.m.pv.nr = i + 1;
}

static void words_keep_off_the_pv_pages(void **state)
{
	(void)state;
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE);
	pv(0, &small, GPA);
	pv(1, &small, GPA + PAGE_SIZE);
	pv(2, &small, GPA - 32);
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE);
	pv(1, &small, GPA + LAST_LINE + SECRET_BYTES); /* next to them */
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE);
	pv(1, &small, GPA + LAST_LINE + SECRET_BYTES - 4);
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE - 8);
	pv(1, &small, GPA + LAST_LINE);
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE - SECRET_BYTES);
	w.pv[1].on = false;
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE);
}

static void one_that_crosses_into_the_page_counts(void **state)
{
	(void)state;
	pv(0, &large, GPA + 128);
	assert_int_equal(leak_place(&w.m.pv, GPA), 128 - SECRET_BYTES);
	pv(0, &large, GPA - 16);
	pv(1, &small, GPA + PAGE_SIZE - 32);
	assert_int_equal(leak_place(&w.m.pv, GPA),
			 PAGE_SIZE - 32 - SECRET_BYTES);
}

static void what_a_kind_leaves_to_others_is_free(void **state)
{
	(void)state;
	pv(0, &led, GPA);
	assert_int_equal(leak_place(&w.m.pv, GPA), 2048 - SECRET_BYTES);
	pv(1, &small, GPA + 2048 - 32);
	assert_int_equal(leak_place(&w.m.pv, GPA), 2048 - 32 - SECRET_BYTES);
}

static void a_full_page_has_no_room_and_is_unknown(void **state)
{
	(void)state;
	pv(0, &large, GPA + 32);
	pv(1, &small, GPA + 16);
	assert_true(leak_place(&w.m.pv, GPA) == LEAK_NO_ROOM);
	unknown_because("no room");
	guest_is_as_it_was();
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_kcore_it_is_unsupported_with_what_to_do),
		TEST(a_client_that_goes_ends_it_and_the_guest_is_restored),
		TEST(a_vcpu_that_breaks_off_is_gone_on_from),
		TEST(words_keep_off_the_pv_pages),
		TEST(one_that_crosses_into_the_page_counts),
		TEST(what_a_kind_leaves_to_others_is_free),
		TEST(a_full_page_has_no_room_and_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
