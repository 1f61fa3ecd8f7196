// SPDX-License-Identifier: GPL-2.0-only
/* Search for a lost write: what must be found, and what must not. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "unit.h"
#include "base/num.h"
#include "devices/tables.h"
#include "pv/pv.h"

#define OWN  (16 * PAGE_SIZE) /* the guest's own memory ends here */
#define SIZE (64 * PAGE_SIZE)
#define SET  1000

static struct {
	struct pv_vm pv;
	struct memory memory;
	uint8_t *ram;
} f;

static int set_up(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	f.memory.pagemap = -1;
	f.memory.nr_slots = 1;
	f.ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(f.ram, MAP_FAILED);
	f.memory.slots[0] = (struct mem_slot){ .size = SIZE,
					       .hva = f.ram,
					       .present = true };
	attrs_init(&f.memory.attrs);
	pthread_rwlock_init(&f.memory.lock, NULL);
	assert_int_equal(pv_init(&f.pv, -1, &f.memory,
				 &(struct pv_plan){ all_parts.kinds, PV_KVM,
						    PV_PACKED, 2 },
				 OWN, NULL),
			 0);
	f.pv.own_end = OWN;
	/* The last check's poke, of vCPU 0's clock. */
	f.pv.pages[0].found =
		(struct pv_found){ .set = SET, .limit = SET + 100 };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pv_free(&f.pv);
	attrs_free(&f.memory.attrs);
	pthread_rwlock_destroy(&f.memory.lock);
	munmap(f.ram, SIZE);
	return 0;
}

static void make_private(void)
{
	f.memory.mode = MEM_GMEM_PRIVATE;
	attrs_set(&f.memory.attrs, 0, SIZE, true);
}

/* A clock written by this poke. */
static void put_clock(uint64_t gpa, uint64_t system_time)
{
	const uint32_t version = 4, mul = 9;

	memcpy(f.ram + gpa, &version, 4);
	memcpy(f.ram + gpa + 16, &system_time, 8);
	memcpy(f.ram + gpa + 24, &mul, 4);
}

/* Return where clock0's write is found: "alias 0x...", or "". */
static const char *found(void)
{
	static char text[64];
	char why[160] = "because";
	const char *at;
	struct json j;

	text[0] = '\0';
	json_init(&j);
	json_object(&j, NULL);
	pv_elsewhere(&f.pv.pages[0], NULL, &j, why);
	json_object_end(&j);
	at = strstr(json_text(&j), "\"where\":\"");
	if (at) {
		at += strlen("\"where\":\"");
		snprintf(text, sizeof(text), "%.*s %.*s",
			 (int)strcspn(at, "\""), at,
			 (int)strcspn(strstr(at, "0x"), "\""),
			 strstr(at, "0x"));
	}
	assert_true(!at == !strcmp(why, "because"));
	json_free(&j);
	return text;
}

static void write_to_the_alias_is_found_and_named(void **state)
{
	(void)state;
	make_private();
	assert_string_equal(found(), "");
	put_clock(OWN, SET);
	assert_string_equal(found(), "alias 0x10000");
}

static void write_from_before_the_poke_is_not_taken_for_it(void **state)
{
	(void)state;
	make_private();
	put_clock(OWN, SET - 1);
	assert_string_equal(found(), "");
	put_clock(OWN, SET + 101);
	assert_string_equal(found(), "");
	f.pv.pages[0].found.set = 0; /* no poke */
	put_clock(OWN, SET);
	assert_string_equal(found(), "");
}

static void half_written_clock_is_not_taken_for_it(void **state)
{
	(void)state;
	make_private();
	put_clock(OWN, SET);
	f.ram[OWN] = 5; /* an odd version */
	assert_string_equal(found(), "");
	memset(f.ram + OWN, 0, 4); /* no version */
	assert_string_equal(found(), "");
	put_clock(OWN, SET);
	memset(f.ram + OWN + 24, 0, 4); /* no scale */
	assert_string_equal(found(), "");
}

static void page_that_the_guest_has_read_is_not_elsewhere(void **state)
{
	(void)state;
	put_clock(OWN, SET);
	assert_string_equal(found(), "");
}

static void write_anywhere_the_host_sees_is_found(void **state)
{
	(void)state;
	put_clock(OWN + 20 * PAGE_SIZE + 0x124, SET + 100);
	assert_string_equal(found(), "memory 0x24124");
}

static void guests_own_memory_has_copies_that_do_not_count(void **state)
{
	(void)state;
	put_clock(OWN - PAGE_SIZE, SET);
	assert_string_equal(found(), "");
}

static void other_page_that_is_on_is_where_kvm_should_write(void **state)
{
	struct pv_page *other = &f.pv.pages[1];

	(void)state;
	assert_string_equal(other->name, "clock1");
	put_clock(other->gpa, SET);
	assert_string_equal(found(), "");
	other->on = false;
	assert_string_equal(found(), "clock1 0x10020");
}

static void former_place_is_named(void **state)
{
	struct pv_page *p = &f.pv.pages[0];

	(void)state;
	p->former = OWN + 8 * PAGE_SIZE;
	put_clock(p->former, SET);
	assert_string_equal(found(), "memory 0x18000");
	p->moved = true;
	assert_string_equal(found(), "former 0x18000");
}

static void alias_comes_before_all_others(void **state)
{
	(void)state;
	make_private();
	put_clock(OWN + 20 * PAGE_SIZE, SET);
	assert_string_equal(found(), "alias 0x24000");
	put_clock(OWN, SET);
	assert_string_equal(found(), "alias 0x10000");
}

static void pages_that_are_not_there_stay_away(void **state)
{
	unsigned char there[SIZE / PAGE_SIZE];

	(void)state;
	f.ram[OWN] = 1;
	assert_string_equal(found(), "");
	assert_int_equal(mincore(f.ram, SIZE, there), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(there); i++)
		assert_int_equal(there[i] & 1, i == OWN / PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(write_to_the_alias_is_found_and_named),
		T(write_from_before_the_poke_is_not_taken_for_it),
		T(half_written_clock_is_not_taken_for_it),
		T(page_that_the_guest_has_read_is_not_elsewhere),
		T(write_anywhere_the_host_sees_is_found),
		T(guests_own_memory_has_copies_that_do_not_count),
		T(other_page_that_is_on_is_where_kvm_should_write),
		T(former_place_is_named),
		T(alias_comes_before_all_others),
		T(pages_that_are_not_there_stay_away),
#undef T
	};

	return cmocka_run_group_tests_name("elsewhere", tests, NULL, NULL);
}
