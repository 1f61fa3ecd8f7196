// SPDX-License-Identifier: GPL-2.0-only
/* The direct map, told apart from the rest of an ELF core. */
#include "tests/unit/fake_core.h"

/* ---- which segments ----------------------------------------------------- */

static void only_the_direct_map_is_taken(void **state)
{
	uint64_t at[4];
	struct core c = usual(at);
	struct kcore_map map = read_map(&c);

	(void)state;
	assert_int_equal(map.nr, 2);
	assert_true(map.size == 3 * MIB);
	assert_true(map.segments[0].phys == MIB);
	assert_true(map.segments[0].offset == at[0]);
	assert_true(map.segments[1].phys == 16 * MIB);
	assert_true(map.segments[1].size == MIB);
	close_core(&c, &map);
}

static void thousands_of_segments_are_all_searched(void **state)
{
	enum { MANY = 20000 };
	struct core c = new_core();
	struct kcore_map map = { 0 };
	uint64_t last = 0;

	(void)state;
	for (unsigned int i = 0; i < MANY; i++)
		last = add_ram(&c, 2 * PAGE_SIZE * i, PAGE_SIZE);
	assert_true(found_at(&c, PLACE, last,
			     UINT64_C(2) * PAGE_SIZE * (MANY - 1)));
	close_core(&c, &map);
}

static void refused(struct core *c, enum err_kind kind)
{
	struct kcore_map map;
	struct err e = { 0 };

	assert_int_equal(kcore_map_read(c->fd, &map, &e), -1);
	assert_int_equal(e.kind, kind);
	assert_true(strlen(e.msg) > 20);
	assert_null(map.segments);
	close_core(c, &map);
}

/* @len bytes of @value at @at of a good header. */
static void bad_header(uint64_t at, const void *value, size_t len)
{
	uint64_t where[4];
	struct core c = usual(where);

	put(&c, value, len, at);
	refused(&c, ERR_UNSUPPORTED);
}

#define BAD(member, ...)                                                       \
	bad_header(offsetof(Elf64_Ehdr, member),                               \
		   &(__typeof__(((Elf64_Ehdr *)0)->member)){ __VA_ARGS__ },    \
		   sizeof(((Elf64_Ehdr *)0)->member))

static void what_is_no_x86_64_core_is_refused(void **state)
{
	const unsigned char class32 = ELFCLASS32, msb = ELFDATA2MSB, x = 'x';

	(void)state;
	bad_header(0, &x, 1);
	bad_header(EI_CLASS, &class32, 1);
	bad_header(EI_DATA, &msb, 1);
	BAD(e_type, ET_EXEC);
	BAD(e_machine, EM_AARCH64);
	BAD(e_phentsize, 32);
	BAD(e_phnum, 0);
	BAD(e_phoff, UINT64_MAX - 8);
}

static void a_file_that_ends_too_soon_is_an_error(void **state)
{
	uint64_t at[4];
	struct core c = new_core();

	(void)state;
	assert_int_equal(ftruncate(c.fd, 0), 0);
	refused(&c, ERR_OS);
	c = usual(at);
	assert_int_equal(ftruncate(c.fd, 100), 0);
	refused(&c, ERR_OS);
	c = usual(at);
	inject.from = 64;
	inject.to = 65;
	inject.err = EIO;
	refused(&c, ERR_OS);
}

static void a_core_without_a_direct_map_is_refused(void **state)
{
	struct core c = new_core();

	(void)state;
	add(&c, PT_NOTE, 0, 0, PAGE_SIZE);
	add(&c, PT_LOAD, TEXT, MIB, MIB);
	add(&c, PT_LOAD, VMALLOC, UINT64_MAX, MIB);
	refused(&c, ERR_UNSUPPORTED);
}

static void bad_segment(uint64_t vaddr, uint64_t paddr, uint64_t size)
{
	struct core c = new_core();
	Elf64_Phdr p = { .p_type = PT_LOAD,
			 .p_offset = DATA,
			 .p_vaddr = vaddr,
			 .p_paddr = paddr,
			 .p_filesz = size };

	add_ram(&c, 0, PAGE_SIZE);
	put(&c, &p, sizeof(p), sizeof(Elf64_Ehdr) + sizeof(p));
	c.nr = 2;
	put_header(&c);
	refused(&c, ERR_UNSUPPORTED);
}

static void segments_that_are_no_linear_map_are_refused(void **state)
{
	(void)state;
	bad_segment(BASE + 8 * MIB, 4 * MIB, MIB); /* another base */
	bad_segment(BASE + MIB + 1, MIB + 1, MIB); /* not aligned */
	bad_segment(BASE + MIB, MIB, MIB + 1);	   /* no whole pages */
	bad_segment(BASE - PAGE_SIZE, -PAGE_SIZE, 2 * PAGE_SIZE); /* wraps */
	bad_segment(BASE + MIB, MIB, -PAGE_SIZE); /* past every file */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_direct_map_is_taken),
		cmocka_unit_test(thousands_of_segments_are_all_searched),
		cmocka_unit_test(what_is_no_x86_64_core_is_refused),
		cmocka_unit_test(a_file_that_ends_too_soon_is_an_error),
		cmocka_unit_test(a_core_without_a_direct_map_is_refused),
		cmocka_unit_test(segments_that_are_no_linear_map_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
