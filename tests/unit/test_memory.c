// SPDX-License-Identifier: GPL-2.0-only
/* The memory model without KVM: modes, plans, ranges. */
#include <string.h>

#include "unit.h"
#include "base/num.h"
#include "kvm/abi.h"
#include "memory/memory.h"
#include "memory/memory_piece.h"

/* ---- modes -------------------------------------------------------------- */

static const struct gmem_offer none = { .family = GMEM_NONE };
static const struct gmem_offer v68 = { .family = GMEM_PRIVATE,
				       .private_vm = true };
static const struct gmem_offer v2024 = { .family = GMEM_DIRECT_2024,
					 .private_vm = true,
					 .no_direct_map = 1 };
static const struct gmem_offer v618 = { .family = GMEM_MMAP,
					.mappable = true,
					.shared_flags = 3 };
static const struct gmem_offer v2025 = { .family = GMEM_DIRECT_2025,
					 .mappable = true,
					 .shared_flags = 3,
					 .no_direct_map = 4 };

static const char *chosen(const struct gmem_offer *o)
{
	enum mem_mode mode;
	bool ndm;
	struct err e;

	if (mem_mode_auto(o, &mode, &ndm, &e))
		return err_kind_name(e.kind);
	return mem_mode_name(mode, ndm);
}

static void auto_takes_the_strongest_mode_and_never_anon(void **state)
{
	(void)state;
	assert_string_equal(chosen(&none), "unsupported");
	assert_string_equal(chosen(&v68), "gmem-private");
	assert_string_equal(chosen(&v2024), "gmem-private+no-direct-map");
	assert_string_equal(chosen(&v618), "gmem");
	assert_string_equal(chosen(&v2025), "gmem+no-direct-map");
}

static void assert_mode_refused(const struct gmem_offer *o, enum mem_mode mode,
				bool ndm, const char *hint)
{
	struct err e = { 0 };

	assert_int_equal(mem_mode_check(o, mode, ndm, &e), -1);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(e.msg, mem_mode_name(mode, ndm)));
	assert_non_null(strstr(e.msg, hint));
}

static void refused_mode_says_what_to_try_instead(void **state)
{
	(void)state;
	assert_mode_refused(&none, MEM_GMEM, false, "--memory anon");
	assert_mode_refused(&v68, MEM_GMEM, false, "--memory gmem-private");
	assert_mode_refused(&v618, MEM_GMEM_PRIVATE, false, "--memory gmem");
	assert_mode_refused(&v618, MEM_GMEM, true, "--memory gmem,");
	assert_mode_refused(&v68, MEM_GMEM_PRIVATE, true, "NO_DIRECT_MAP");
	assert_int_equal(mem_mode_check(&none, MEM_ANON, false, NULL), 0);
}

static void every_mode_name_reads_back(void **state)
{
	(void)state;
	for (int m = MEM_ANON; m <= MEM_GMEM_PRIVATE; m++)
		for (int d = 0; d <= (m != MEM_ANON); d++) {
			enum mem_mode mode;
			bool any, ndm;

			assert_int_equal(
				mem_mode_parse(mem_mode_name((enum mem_mode)m,
							     d),
					       &any, &mode, &ndm, NULL),
				0);
			assert_false(any);
			assert_int_equal(mode, m);
			assert_int_equal(ndm, d);
		}
}

static void unknown_mode_is_answered_with_all_modes(void **state)
{
	enum mem_mode mode;
	bool any, ndm;
	struct err e;

	(void)state;
	assert_int_equal(mem_mode_parse("swap", &any, &mode, &ndm, &e), -1);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_string_equal(e.msg, "--memory swap: expected auto, anon, gmem, "
				   "gmem+no-direct-map, gmem-private or "
				   "gmem-private+no-direct-map");
	assert_int_equal(mem_mode_parse("auto", &any, &mode, &ndm, &e), 0);
	assert_true(any);
}

static void only_private_memory_needs_another_type_of_vm(void **state)
{
	(void)state;
	assert_int_equal(mem_mode_vm_type(MEM_ANON), GPC_VM_DEFAULT);
	assert_int_equal(mem_mode_vm_type(MEM_GMEM), GPC_VM_DEFAULT);
	assert_int_equal(mem_mode_vm_type(MEM_GMEM_PRIVATE),
			 GPC_VM_SW_PROTECTED);
}

/* ---- plans -------------------------------------------------------------- */

static void slot_is_read_with_its_options(void **state)
{
	struct mem_slot_plan p;

	(void)state;
	assert_int_equal(mem_slot_parse("4G,2M,file=3,offset=64K", &p, NULL),
			 0);
	assert_true(p.gpa == 4 * GIB && p.size == 2 * MIB);
	assert_int_equal(p.file, 3);
	assert_true(p.offset == 64 * KIB);
	assert_false(p.shared);
}

static void slot_may_begin_shared(void **state)
{
	struct mem_slot_plan p;

	(void)state;
	assert_int_equal(mem_slot_parse("4G,2M,shared,file=3", &p, NULL), 0);
	assert_true(p.shared);
	assert_int_equal(p.file, 3);
	assert_int_equal(mem_slot_parse("4G,2M,shared=1", &p, NULL), -1);
}

static void slot_may_have_no_file(void **state)
{
	struct mem_slot_plan p;

	(void)state;
	assert_int_equal(mem_slot_parse("4G,2M,file=none", &p, NULL), 0);
	assert_int_equal(p.file, MEM_NO_FILE);
	assert_int_equal(mem_slot_parse("4G,2M,file=none,offset=0", &p, NULL),
			 0);
}

static void malformed_slot_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"0,",
		",4K",
		"x,4K",
		"0,4K,file=16",
		"0,4K,file=",
		"0,4K,file=None",
		"0,4K,file=none,offset=4K",
		"0,4K,offset=4K,file=none",
		"0,4K,colour=red",
		"0,4K,offset=-1",
	};
	struct mem_slot_plan p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(mem_slot_parse(bad[i], &p, &e), -1);
}

static int check2(enum mem_mode mode, struct mem_slot_plan a,
		  struct mem_slot_plan b)
{
	struct mem_plan p = { .mode = mode, .nr = 2, .slots = { a, b } };
	struct err e;

	return mem_plan_check(&p, &e);
}

static void slots_that_overlap_in_guest_memory_are_refused(void **state)
{
	(void)state;
	assert_int_equal(
		check2(MEM_ANON,
		       (struct mem_slot_plan){ 0, 0x2000, 0, false, 0 },
		       (struct mem_slot_plan){ 0x1000, 0x1000, 0, false, 0 }),
		-1);
	assert_int_equal(
		check2(MEM_ANON,
		       (struct mem_slot_plan){ 0, 0x1000, 0, false, 0 },
		       (struct mem_slot_plan){ 0x1000, 0x1000, 0, false, 0 }),
		0);
}

static void slots_that_overlap_in_their_file_are_refused(void **state)
{
	struct mem_slot_plan a = { 0, 0x2000, 0, false, 0 };
	struct mem_slot_plan b = { 0x10000, 0x1000, 0, false, 0x1000 };

	(void)state;
	assert_int_equal(check2(MEM_GMEM, a, b), -1);
	b.offset = 0x2000;
	assert_int_equal(check2(MEM_GMEM, a, b), 0);
	b.offset = 0x1000;
	b.file = 1;
	assert_int_equal(check2(MEM_GMEM, a, b), 0);
	a.file = b.file = MEM_NO_FILE;
	assert_int_equal(check2(MEM_GMEM, a, b), 0);
}

static void unaligned_empty_and_wrapping_slots_are_refused(void **state)
{
	static const struct mem_slot_plan bad[] = {
		{ 0, 0, 0, false, 0 },
		{ 0x800, 0x1000, 0, false, 0 },
		{ 0, 0x1001, 0, false, 0 },
		{ 0, 0x1000, 0, false, 0x10 },
		{ UINT64_MAX - 0xfff, 0x2000, 0, false, 0 },
		{ 0, 0x2000, 0, false, UINT64_MAX - 0xfff },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mem_plan p = { .nr = 1, .slots = { bad[i] } };
		struct err e;

		assert_int_equal(mem_plan_check(&p, &e), -1);
		assert_int_equal(e.kind, ERR_RANGE);
	}
}

/* ---- ranges ------------------------------------------------------------- */

/* Two slots side by side, a gap, a third one. */
static struct memory *model(void)
{
	static struct memory m;

	memset(&m, 0, sizeof(m));
	pthread_rwlock_init(&m.lock, NULL);
	m.nr_slots = 3;
	m.slots[0] = (struct mem_slot){ .gpa = 0, .size = 0x3000 };
	m.slots[1] = (struct mem_slot){ .gpa = 0x3000, .size = 0x1000 };
	m.slots[2] =
		(struct mem_slot){ .gpa = UINT64_MAX - 0x1fff, .size = 0x1000 };
	return &m;
}

static void range_over_two_adjacent_slots_is_ram(void **state)
{
	(void)state;
	assert_int_equal(memory_check(model(), 0x2000, 0x2000, 4096, NULL), 0);
	assert_int_equal(memory_check(model(), 0, 0x4000, 4096, NULL), 0);
}

static void ranges_that_are_not_ram_are_refused(void **state)
{
	static const uint64_t bad[][3] = {
		{ 0x4000, 0x1000, 4096 },	      /* behind the slots */
		{ 0x3000, 0x2000, 4096 },	      /* runs out of them */
		{ 0, 0, 4096 },			      /* empty */
		{ 0x1000, UINT64_MAX, 1 },	      /* wraps */
		{ 0x1000, UINT64_MAX - 0xfff, 4096 }, /* wraps, aligned */
		{ 0x1001, 0x1000, 4096 },	      /* unaligned gpa */
		{ 0x1000, 0x1001, 4096 },	      /* unaligned length */
		{ UINT64_MAX - 0xfff, 0x1000, 4096 }, /* ends at 2^64 */
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		e = (struct err){ 0 };
		assert_int_equal(memory_check(model(), bad[i][0], bad[i][1],
					      bad[i][2], &e),
				 -1);
		assert_int_equal(e.kind, ERR_RANGE);
	}
}

static void deleted_slot_is_ram_where_no_other_is(void **state)
{
	struct memory m = { .nr_slots = 3 };
	struct mem_piece p;

	(void)state;
	pthread_rwlock_init(&m.lock, NULL);
	m.slots[0] =
		(struct mem_slot){ .gpa = 0x10000, .size = 0x8000, .gone = 1 };
	m.slots[1] = (struct mem_slot){ .gpa = 0x12000,
					.size = 0x2000,
					.present = true };
	m.slots[2] =
		(struct mem_slot){ .gpa = 0x13000, .size = 0x3000, .gone = 2 };
	/* Prefer the present slot, then the one deleted last. */
	assert_ptr_equal(memory_slot(&m, 0x11fff), &m.slots[0]);
	assert_ptr_equal(memory_slot(&m, 0x12000), &m.slots[1]);
	assert_ptr_equal(memory_slot(&m, 0x13fff), &m.slots[1]);
	assert_ptr_equal(memory_slot(&m, 0x14000), &m.slots[2]);
	assert_ptr_equal(memory_slot(&m, 0x16000), &m.slots[0]);
	assert_true(memory_piece(&m, 0x10000, 0x8000, &p));
	assert_true(p.slot == &m.slots[0] && p.len == 0x2000);
	assert_true(memory_piece(&m, 0x12000, 0x8000, &p));
	assert_true(p.slot == &m.slots[1] && p.len == 0x2000);
	assert_true(memory_piece(&m, 0x14000, 0x4000, &p));
	assert_true(p.slot == &m.slots[2] && p.len == 0x2000);
	assert_true(memory_piece(&m, 0x16000, 0x2000, &p));
	assert_true(p.slot == &m.slots[0] && p.len == 0x2000);
	assert_int_equal(memory_check(&m, 0x10000, 0x8000, 0x1000, NULL), 0);
	assert_int_equal(memory_check(&m, 0x10000, 0x9000, 0x1000, NULL), -1);
	pthread_rwlock_destroy(&m.lock);
}

static void closed_file_refuses_only_what_needs_it(void **state)
{
	struct memory *m = model();
	struct err e;

	(void)state;
	m->slots[0].file = m->slots[2].file = MEM_NO_FILE;
	m->slots[1].file = 1;
	m->files[1].closed = true;
	m->mode = MEM_GMEM;
	assert_int_equal(memory_check_open(m, 0, 0x3000, NULL), 0);
	assert_int_equal(memory_check_open(m, 0x2fff, 2, &e), -1);
	assert_int_equal(e.kind, ERR_STATE);
	/* In gmem-private what is shared is not in the file. */
	m->mode = MEM_GMEM_PRIVATE;
	assert_int_equal(memory_check_open(m, 0x3000, 8, NULL), 0);
	assert_int_equal(attrs_set(&m->attrs, 0x3000, 0x4000, true), 0);
	assert_int_equal(memory_check_open(m, 0x3000, 8, &e), -1);
	attrs_free(&m->attrs);
	m->mode = MEM_ANON;
	assert_int_equal(memory_check_open(m, 0x3000, 8, NULL), 0);
}

static void address_of_the_host_leads_back_to_its_gpa(void **state)
{
	static uint8_t ram[2][0x3000];
	struct memory *m = model();
	uint64_t gpa = 0;

	(void)state;
	m->nr_slots = 2;
	m->slots[0].hva = ram[0];
	m->slots[1].hva = ram[1];
	assert_int_equal(memory_gpa(m, (uintptr_t)&ram[0][0x2fff], &gpa), 0);
	assert_true(gpa == 0x2fff);
	assert_int_equal(memory_gpa(m, (uintptr_t)&ram[1][0xfff], &gpa), 0);
	assert_true(gpa == 0x3fff);
	assert_int_equal(memory_gpa(m, (uintptr_t)&ram[1][0x1000], &gpa), -1);
	assert_int_equal(memory_gpa(m, (uintptr_t)&ram[0][0] - 1, &gpa), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auto_takes_the_strongest_mode_and_never_anon),
		cmocka_unit_test(refused_mode_says_what_to_try_instead),
		cmocka_unit_test(every_mode_name_reads_back),
		cmocka_unit_test(unknown_mode_is_answered_with_all_modes),
		cmocka_unit_test(only_private_memory_needs_another_type_of_vm),
		cmocka_unit_test(slot_is_read_with_its_options),
		cmocka_unit_test(slot_may_begin_shared),
		cmocka_unit_test(slot_may_have_no_file),
		cmocka_unit_test(malformed_slot_is_refused),
		cmocka_unit_test(
			slots_that_overlap_in_guest_memory_are_refused),
		cmocka_unit_test(slots_that_overlap_in_their_file_are_refused),
		cmocka_unit_test(
			unaligned_empty_and_wrapping_slots_are_refused),
		cmocka_unit_test(range_over_two_adjacent_slots_is_ram),
		cmocka_unit_test(ranges_that_are_not_ram_are_refused),
		cmocka_unit_test(deleted_slot_is_ram_where_no_other_is),
		cmocka_unit_test(closed_file_refuses_only_what_needs_it),
		cmocka_unit_test(address_of_the_host_leads_back_to_its_gpa),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
