// SPDX-License-Identifier: GPL-2.0-only
/* The layout and the state of pv pages, and checks of them. */
#include <string.h>

#include "unit.h"
#include "base/num.h"
#include "devices/tables.h"
#include "pv/pv.h"

static uint64_t layout_size(enum pv_flavour flavour, enum pv_layout layout,
			    unsigned int vcpus)
{
	return pv_layout_size(
		&(struct pv_plan){ all_parts.kinds, flavour, layout, vcpus });
}

#define BASE 0x200000

struct fixture {
	struct pv_vm pv;
	struct memory memory;
};

/* Set up the pages, over one deleted slot from gpa 0 on. */
static void make(struct fixture *f, enum pv_flavour flavour,
		 enum pv_layout layout, unsigned int vcpus)
{
	memset(f, 0, sizeof(*f));
	f->memory.pagemap = -1;
	f->memory.mode = MEM_GMEM_PRIVATE;
	f->memory.nr_slots = 1;
	f->memory.slots[0] =
		(struct mem_slot){ .size = GIB, .hva = (uint8_t *)0x10000000 };
	attrs_init(&f->memory.attrs);
	pthread_rwlock_init(&f->memory.lock, NULL);
	assert_int_equal(pv_init(&f->pv, -1, &f->memory,
				 &(struct pv_plan){ all_parts.kinds, flavour,
						    layout, vcpus },
				 BASE, NULL),
			 0);
}

static void drop(struct fixture *f)
{
	pv_free(&f->pv);
	attrs_free(&f->memory.attrs);
	pthread_rwlock_destroy(&f->memory.lock);
}

/* Call pv_find() for a page that must exist. */
static struct pv_page *page(struct fixture *f, const char *name)
{
	struct pv_page *p = pv_find(&f->pv, name);

	if (!p)
		fail_msg("no page %s", name);
	return p;
}

/* ---- layout ------------------------------------------------------------- */

static bool crosses(const struct pv_page *p)
{
	uint64_t first;

	return pv_span(p, &first) > PAGE_SIZE;
}

static void fits(enum pv_flavour flavour, enum pv_layout layout,
		 unsigned int vcpus)
{
	uint64_t end = BASE + layout_size(flavour, layout, vcpus);
	struct fixture f;

	make(&f, flavour, layout, vcpus);
	for (unsigned int i = 0; i < f.pv.nr; i++) {
		struct pv_page *p = &f.pv.pages[i];
		bool split = layout == PV_SPLIT && p->kind->split;

		assert_in_range(p->gpa, BASE, end - p->kind->size);
		assert_true(!pv_overlap(p, p->gpa));
		assert_int_equal(p->gpa % p->kind->align, 0);
		assert_int_equal(crosses(p), split);
	}
	drop(&f);
}

static void pages_of_every_layout_lie_apart_and_in_their_room(void **state)
{
	static const unsigned int vcpus[] = { 1, 2, 8, 65, 130 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(vcpus); i++) {
		fits(PV_KVM, PV_SEPARATE, vcpus[i]);
		fits(PV_KVM, PV_PACKED, vcpus[i]);
		fits(PV_XEN, PV_SEPARATE, vcpus[i]);
		fits(PV_XEN, PV_PACKED, vcpus[i]);
		fits(PV_XEN, PV_SPLIT, vcpus[i]);
	}
}

static void xen_layouts_take_the_pages_they_should(void **state)
{
	(void)state;
	/* shinfo, and three kinds per vCPU */
	assert_int_equal(layout_size(PV_XEN, PV_SEPARATE, 2), 7 * PAGE_SIZE);
	assert_int_equal(layout_size(PV_XEN, PV_PACKED, 2), 4 * PAGE_SIZE);
	assert_int_equal(layout_size(PV_XEN, PV_SPLIT, 2), 9 * PAGE_SIZE);
}

static void shinfo_is_there_once_and_without_a_number(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, PV_XEN, PV_SEPARATE, 3);
	assert_int_equal(f.pv.nr, 1 + 3 * 3);
	assert_int_equal(page(&f, "shinfo")->vcpu, 0);
	assert_null(pv_find(&f.pv, "shinfo0"));
	assert_int_equal(page(&f, "runstate2")->vcpu, 2);
	drop(&f);
}

/* ---- overlap ------------------------------------------------------------ */

static void vcpu_info_may_lie_where_shared_info_has_room_for_it(void **state)
{
	struct pv_page *shinfo, *info;
	struct fixture f;

	(void)state;
	make(&f, PV_XEN, PV_SEPARATE, 1);
	shinfo = page(&f, "shinfo");
	info = page(&f, "vcpuinfo0");
	assert_null(pv_overlap(info, shinfo->gpa));
	assert_null(pv_overlap(info, shinfo->gpa + 31 * 64UL));
	assert_ptr_equal(pv_overlap(info, shinfo->gpa + 32 * 64UL), shinfo);
	assert_null(pv_overlap(info, shinfo->gpa + PAGE_SIZE));
	/* Seen from the other page: it would overlap a vcpu_info. */
	assert_null(pv_overlap(shinfo, info->gpa));
	info->gpa += 31 * 64UL;
	assert_null(pv_overlap(shinfo, info->gpa & ~(PAGE_SIZE - 1)));
	info->gpa += 64;
	assert_ptr_equal(pv_overlap(shinfo, info->gpa & ~(PAGE_SIZE - 1)),
			 info);
	drop(&f);
}

static void page_that_is_off_is_in_nobodys_way(void **state)
{
	struct pv_page *time, *run;
	struct fixture f;

	(void)state;
	make(&f, PV_XEN, PV_SEPARATE, 1);
	time = page(&f, "vcputime0");
	run = page(&f, "runstate0");
	assert_ptr_equal(pv_overlap(time, run->gpa + 32), run);
	assert_null(pv_overlap(time, run->gpa + 64));
	assert_ptr_equal(pv_overlap(run, time->gpa - 47), time);
	assert_null(pv_overlap(run, time->gpa - 48));
	run->on = false;
	assert_null(pv_overlap(time, run->gpa + 32));
	drop(&f);
}

/* ---- on and off --------------------------------------------------------- */

/* A kind whose KVM fails as the test demands. */
static unsigned int refuse_on, refuse_off;
static struct pv_where asked[4]; /* in order */
static unsigned int nr_asked;

static int activate(struct pv_page *p, struct vcpu *v,
		    const struct pv_where *to, struct err *e)
{
	(void)p;
	(void)v;
	asked[nr_asked++ % ARRAY_SIZE(asked)] = *to;
	return (to->on ? refuse_on : refuse_off) ? err_kvm(e, 14, "refused")
						 : 0;
}

static enum pv_verdict verdict_given;
static bool switch_in_check;
static unsigned int punches_in_check, checks;

static int check(struct pv_page *p, struct vcpu *v, struct json *j,
		 enum pv_verdict *verdict, char why[static 160], struct err *e)
{
	const struct pv_where off = { .gpa = p->gpa };

	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = p->gpa & ~(PAGE_SIZE - 1),
				 .len = PAGE_SIZE };

	checks++;
	json_num(j, "seen", checks);
	why[0] = '\0';
	*verdict = verdict_given;
	if (punches_in_check) {
		punches_in_check--;
		memory_begin(p->vm->memory, &ch);
		memory_end(p->vm->memory, &ch, false);
	}
	return switch_in_check ? pv_switch(p, v, &off, e) : 0;
}

static const struct pv_kind fake = {
	.name = "fake",
	.compatible = "gpcvm,fake",
	.size = 64,
	.align = 1,
	.xen_hva = 1,
	.activate = activate,
	.check = check,
};

static struct pv_page *fake_page(struct fixture *f)
{
	struct pv_page *p;

	make(f, PV_XEN, PV_SEPARATE, 1);
	p = page(f, "shinfo");
	p->kind = &fake;
	refuse_on = refuse_off = nr_asked = 0;
	switch_in_check = false;
	punches_in_check = checks = 0;
	verdict_given = VERDICT_FRESH;
	return p;
}

static void host_is_given_the_hva_of_the_page(void **state)
{
	const struct pv_where to = { .on = true,
				     .by_hva = true,
				     .gpa = 0x3040 };
	const struct pv_where back = { .on = true, .gpa = 0x3040 };
	struct fixture f;
	struct pv_page *p = fake_page(&f);

	(void)state;
	assert_int_equal(pv_switch(p, NULL, &to, NULL), 0);
	assert_true(asked[0].on && asked[0].by_hva);
	assert_int_equal(asked[0].hva, 0x10003040);
	assert_true(p->on && p->by_hva && p->hva == 0x10003040);
	assert_int_equal(p->gpa, 0x3040);
	assert_int_equal(pv_switch(p, NULL, &back, NULL), 0);
	assert_true(p->on && !p->by_hva && !p->hva);
	drop(&f);
}

static void page_that_kvm_refuses_is_off_and_where_it_was(void **state)
{
	const struct pv_where to = { .on = true, .gpa = 0x3040 };
	struct fixture f;
	struct pv_page *p = fake_page(&f);
	uint64_t was = p->gpa;

	(void)state;
	refuse_on = 1;
	assert_int_equal(pv_switch(p, NULL, &to, NULL), -1);
	assert_int_equal(nr_asked, 2);
	assert_false(asked[1].on);
	assert_false(p->on);
	assert_int_equal(p->gpa, was);
	drop(&f);
}

static void page_that_cannot_even_be_switched_off_is_as_it_was(void **state)
{
	const struct pv_where to = { .on = true, .gpa = 0x3040 };
	const struct pv_where off = { .gpa = 0x3040 };
	struct fixture f;
	struct pv_page *p = fake_page(&f);

	(void)state;
	refuse_on = refuse_off = 1;
	assert_int_equal(pv_switch(p, NULL, &to, NULL), -1);
	assert_true(p->on);
	assert_int_equal(pv_switch(p, NULL, &off, NULL), -1);
	assert_true(p->on);
	drop(&f);
}

static void what_the_host_sets_up_follows_no_msr(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, PV_XEN, PV_SEPARATE, 1);
	pv_note_msr(&f.pv, 0, 0, 0); /* pages without an MSR have 0 */
	for (unsigned int i = 0; i < f.pv.nr; i++)
		assert_true(f.pv.pages[i].on);
	assert_int_equal(pv_switch_job(page(&f, "shinfo")), JOB_HOST);
	drop(&f);
	make(&f, PV_KVM, PV_SEPARATE, 2);
	pv_note_msr(&f.pv, 1, MSR_KVM_SYSTEM_TIME_NEW, 0);
	assert_false(page(&f, "clock1")->on);
	assert_true(page(&f, "clock0")->on && page(&f, "steal1")->on);
	assert_int_equal(pv_switch_job(page(&f, "clock1")), JOB_AGENT);
	drop(&f);
}

/* ---- check -------------------------------------------------------------- */

static int checked(struct pv_page *p, enum pv_verdict *verdict, struct json *j,
		   struct err *e)
{
	static struct vcpu v;

	json_init(j);
	return pv_check(p, &v, PV_FULL, j, verdict, e);
}

static void check_that_spans_a_switch_judges_nothing(void **state)
{
	enum pv_verdict verdict;
	struct fixture f;
	struct pv_page *p = fake_page(&f);
	struct json j;
	struct err e;

	(void)state;
	switch_in_check = true;
	assert_int_equal(checked(p, &verdict, &j, &e), -1);
	assert_int_equal(e.kind, ERR_STATE);
	assert_non_null(strstr(e.msg, "during the check"));
	json_free(&j);
	drop(&f);
}

/* Check @p while that many punches interfere. Return the reply. */
static const char *said(struct pv_page *p, struct json *j,
			enum pv_verdict given, unsigned int punches)
{
	enum pv_verdict verdict;

	verdict_given = given;
	punches_in_check = punches;
	checks = 0;
	assert_int_equal(checked(p, &verdict, j, NULL), 0);
	assert_int_equal(verdict, given);
	return json_text(j);
}

static void check_is_made_again_where_its_page_was_taken_away(void **state)
{
	struct fixture f;
	struct pv_page *p = fake_page(&f);
	const char *text;
	struct json j;

	(void)state;
	f.memory.slots[0].present = true;
	text = said(p, &j, VERDICT_STALE, 2);
	assert_int_equal(checks, 3);
	assert_null(
		/* The discarded tries left nothing. */
		strstr(text, "\"seen\":1"));
	assert_non_null(strstr(text, "\"seen\":3"));
	assert_null(strstr(text, "meanwhile"));
	assert_non_null(strstr(text, "\"disagreement\":\"model: fresh; guest: "
				     "stale\""));
	json_free(&j);
	text = said(p, &j, VERDICT_STALE, 100);
	assert_int_equal(checks, 4);
	assert_non_null(strstr(text, "changed during the check"));
	assert_non_null(strstr(text, "\"expected\":\"unknown\""));
	assert_null(strstr(text, "disagreement"));
	json_free(&j);
	/* A fresh verdict stays fresh. */
	text = said(p, &j, VERDICT_FRESH, 100);
	assert_int_equal(checks, 1);
	assert_null(strstr(text, "disagreement"));
	json_free(&j);
	drop(&f);
}

static bool disagrees(struct pv_page *p, enum pv_verdict given)
{
	struct json j;
	bool r = strstr(said(p, &j, given, 0), "disagreement");

	json_free(&j);
	return r;
}

static void what_is_not_expected_is_a_disagreement(void **state)
{
	struct fixture f;
	struct pv_page *p = fake_page(&f);

	(void)state;
	f.memory.slots[0].present = true;
	assert_false(disagrees(p, VERDICT_FRESH));
	assert_true(disagrees(p, VERDICT_STALE));
	assert_true(disagrees(p, VERDICT_TORN));
	assert_true(disagrees(p, VERDICT_ABSENT));
	assert_false(disagrees(p, VERDICT_UNSUPPORTED));
	attrs_set(&f.memory.attrs, 0, GIB, true); /* KVM writes the alias */
	f.memory.slots[0].file = 0;
	assert_false(disagrees(p, VERDICT_STALE));
	assert_true(disagrees(p, VERDICT_FRESH));
	f.memory.slots[0].present = false;
	assert_false(disagrees(p, VERDICT_ABSENT));
	assert_true(disagrees(p, VERDICT_FRESH));
	drop(&f);
}

static bool blames_the_alias(struct pv_page *p)
{
	enum pv_verdict verdict;
	struct json j;
	bool r;

	assert_int_equal(checked(p, &verdict, &j, NULL), 0);
	r = strstr(json_text(&j), "writes the shared alias");
	json_free(&j);
	return r;
}

static void only_a_private_gfn_by_hva_blames_the_alias(void **state)
{
	struct fixture f;
	struct pv_page *p = fake_page(&f);

	(void)state;
	verdict_given = VERDICT_STALE;
	attrs_set(&f.memory.attrs, 0, GIB, true);
	assert_false(blames_the_alias(p));
	p->by_hva = true;
	assert_true(blames_the_alias(p));
	verdict_given = VERDICT_FRESH;
	assert_false(blames_the_alias(p));
	verdict_given = VERDICT_STALE;
	attrs_set(&f.memory.attrs, 0, GIB, false);
	assert_false(blames_the_alias(p));
	drop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			pages_of_every_layout_lie_apart_and_in_their_room),
		cmocka_unit_test(xen_layouts_take_the_pages_they_should),
		cmocka_unit_test(shinfo_is_there_once_and_without_a_number),
		cmocka_unit_test(
			vcpu_info_may_lie_where_shared_info_has_room_for_it),
		cmocka_unit_test(page_that_is_off_is_in_nobodys_way),
		cmocka_unit_test(host_is_given_the_hva_of_the_page),
		cmocka_unit_test(page_that_kvm_refuses_is_off_and_where_it_was),
		cmocka_unit_test(
			page_that_cannot_even_be_switched_off_is_as_it_was),
		cmocka_unit_test(what_the_host_sets_up_follows_no_msr),
		cmocka_unit_test(check_that_spans_a_switch_judges_nothing),
		cmocka_unit_test(
			check_is_made_again_where_its_page_was_taken_away),
		cmocka_unit_test(what_is_not_expected_is_a_disagreement),
		cmocka_unit_test(only_a_private_gfn_by_hva_blames_the_alias),
	};

	return cmocka_run_group_tests_name("pv", tests, NULL, NULL);
}
