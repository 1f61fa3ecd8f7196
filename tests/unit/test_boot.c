// SPDX-License-Identifier: GPL-2.0-only
/* Kernels from byte arrays: what is taken, where it goes, what is refused. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "fake_boot.h"

#define MAGIC	 0x1badb002U
#define KERNEL	 0x200000
#define LEN	 1024
#define HEADER	 512 /* where the Multiboot header is */
#define SEARCHED 8192

static void put32(uint8_t *at, uint32_t v)
{
	memcpy(at, &v, sizeof(v));
}

static void put_header(uint8_t *image, uint32_t flags)
{
	put32(image + HEADER, MAGIC);
	put32(image + HEADER + 4, flags);
	put32(image + HEADER + 8, -(MAGIC + flags));
}

static uint8_t *flat(uint32_t flags, uint32_t header, uint32_t load,
		     uint32_t load_end, uint32_t bss_end, uint32_t entry)
{
	static uint8_t image[LEN];
	const uint32_t words[] = { header, load, load_end, bss_end, entry };

	memset(image, 0xf4, sizeof(image));
	put_header(image, flags);
	memcpy(image + HEADER + 12, words, sizeof(words));
	return image;
}

static uint8_t *elf(const Elf32_Phdr *phdr, uint16_t nr, uint32_t entry)
{
	static uint8_t image[LEN];
	Elf32_Ehdr h = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				      ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
			 .e_type = ET_EXEC,
			 .e_machine = EM_386,
			 .e_entry = entry,
			 .e_phoff = sizeof(h),
			 .e_phentsize = sizeof(*phdr),
			 .e_phnum = nr };

	memset(image, 0xf4, sizeof(image));
	memcpy(image, &h, sizeof(h));
	memcpy(image + sizeof(h), phdr, nr * sizeof(*phdr));
	put_header(image, 3);
	return image;
}

static Elf32_Phdr load_at(uint32_t gpa, uint32_t filesz, uint32_t memsz)
{
	return (Elf32_Phdr){ .p_type = PT_LOAD,
			     .p_paddr = gpa,
			     .p_filesz = filesz,
			     .p_memsz = memsz };
}

static void an_elf_file_goes_to_its_physical_addresses(void **state)
{
	Elf32_Phdr p[] = { load_at(KERNEL, LEN, LEN + 100),
			   load_at(0x8000, 16, 16),
			   { .p_type = PT_NOTE, .p_paddr = KERNEL } };

	(void)state;
	p[0].p_vaddr = 0xc0200000;
	p[1].p_offset = 100;
	assert_int_equal(parse(elf(p, 3, KERNEL + 8), LEN), 0);
	assert_true(boot.pieces[0].gpa == KERNEL);
	assert_true(boot.pieces[0].len == LEN &&
		    boot.pieces[0].size == LEN + 100);
	assert_true(boot.pieces[1].gpa == 0x8000);
	assert_ptr_equal(boot.pieces[1].data, boot.kernel.data + 100);
	assert_true(boot.regs.rip == KERNEL + 8);
	assert_true(boot.regs.rax == 0x2badb002);
}

static void addresses_in_the_header_say_what_goes_where(void **state)
{
	(void)state;
	/* The image begins 12 bytes before its header. */
	assert_int_equal(parse(flat(0x10003, KERNEL + 12, KERNEL, KERNEL + 100,
				    KERNEL + 5000, KERNEL + 50),
			       LEN),
			 0);
	assert_true(boot.pieces[0].gpa == KERNEL);
	assert_true(boot.pieces[0].len == 100 && boot.pieces[0].size == 5000);
	assert_ptr_equal(boot.pieces[0].data, boot.kernel.data + HEADER - 12);
	assert_true(boot.regs.rip == KERNEL + 50);
}

static void without_ends_a_flat_image_goes_to_the_end_of_the_file(void **state)
{
	(void)state;
	assert_int_equal(
		parse(flat(0x10000, KERNEL, KERNEL, 0, 0, KERNEL + 8), LEN), 0);
	assert_true(boot.pieces[0].len == LEN - HEADER);
	assert_true(boot.pieces[0].size == LEN - HEADER);
}

static void the_kernel_is_told_of_its_memory_and_modules(void **state)
{
	const Elf32_Phdr p = load_at(KERNEL, 100, 5000);
	uint32_t info, mods;

	(void)state;
	boot.append = "two words";
	add_module("MODULE", 3, NULL);
	add_module("MODULE", 3, "args");
	assert_int_equal(parse(elf(&p, 1, KERNEL), LEN), 0);
	info = (uint32_t)boot.regs.rbx;
	assert_int_equal(told(info) & 0x24d, 0x24d);
	assert_int_equal(told(info + 4), 639);
	assert_int_equal(told(info + 8), 15 * 1024);
	assert_string_equal(told_text(told(info + 16)), "KERNEL two words");
	assert_int_equal(told(info + 20), 2);
	mods = told(info + 24);
	assert_int_equal(told(mods), KERNEL + 0x2000);
	assert_int_equal(told(mods + 4), KERNEL + 0x2003);
	assert_string_equal(told_text(told(mods + 8)), "MODULE");
	assert_int_equal(told(mods + 16), KERNEL + 0x3000);
	assert_string_equal(told_text(told(mods + 24)), "MODULE args");
	assert_int_equal(told(info + 44), 4 * 24);
	/* The second entry of the map: the first one's size comes first. */
	assert_int_equal(told(told(info + 48)), 20);
	assert_int_equal(told(told(info + 48) + 24 + 4), 0x9fc00);
	assert_int_equal(told(told(info + 48) + 24 + 20), BOOT_RESERVED);
}

static void nothing_lies_in_the_window(void **state)
{
	const Elf32_Phdr in = load_at(0x9f000, 16, 16);
	const Elf32_Phdr p = load_at(KERNEL, 16, 16);

	(void)state;
	boot.window = (struct boot_range){ 0x9000, 0x97000, 0 };
	refused(elf(&in, 1, 0x9f000), LEN, ERR_RANGE, "window");
	boot.window = (struct boot_range){ 0x9000, 0x97000, 0 };
	assert_int_equal(parse(elf(&p, 1, KERNEL), LEN), 0);
	assert_true(boot.regs.rbx >= MIB);
}

static void segments_outside_of_ram_are_refused(void **state)
{
	static const struct {
		uint32_t gpa, filesz, memsz;
	} rows[] = {
		{ 0xa0000, 16, 16 },	    { 0x9fbff, 2, 2 },
		{ 0xfffff, 2, 2 },	    { 0xffffff, 1, 2 },
		{ KERNEL, 16, 0xffffffff }, { 0xfffffff0, 16, 0x20 },
		{ 0, 16, 0xa0000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		Elf32_Phdr p =
			load_at(rows[i].gpa, rows[i].filesz, rows[i].memsz);

		refused(elf(&p, 1, rows[i].gpa), LEN, ERR_RANGE,
			"not in the guest's RAM");
	}
}

static void every_truncation_of_an_elf_file_is_refused(void **state)
{
	const Elf32_Phdr p = load_at(KERNEL, LEN, LEN);
	const uint8_t *image = elf(&p, 1, KERNEL);

	(void)state;
	for (size_t len = 1; len < LEN; len++) {
		assert_int_equal(parse(image, len), -1);
		assert_true(err.msg[0]);
		done(NULL);
	}
	assert_int_equal(parse(image, LEN), 0);
}

static void what_a_file_says_of_itself_is_checked(void **state)
{
	Elf32_Phdr p[2] = { load_at(KERNEL, 16, 16), load_at(KERNEL, 16, 16) };

	(void)state;
	refused(elf(p, 2, KERNEL), LEN, ERR_RANGE, "overlaps segment 0");
	refused(elf(p, 1, KERNEL + 16), LEN, ERR_RANGE, "entry");
	refused(elf(p, 0, KERNEL), LEN, ERR_RANGE, "program headers");
	p[0].p_filesz = 17;
	refused(elf(p, 1, KERNEL), LEN, ERR_RANGE, "in memory");
	p[0] = load_at(KERNEL, 16, 16);
	p[0].p_offset = 0xfffffff8;
	refused(elf(p, 1, KERNEL), LEN, ERR_RANGE, "truncated");
}

static void bad_addresses_in_the_header_are_refused(void **state)
{
	static const struct {
		uint32_t header, load, load_end, bss_end, entry;
		const char *words;
	} rows[] = {
		{ KERNEL, KERNEL + 4, 0, 0, KERNEL, "before the file" },
		{ KERNEL + HEADER + 4, KERNEL, 0, 0, KERNEL,
		  "before the file" },
		{ KERNEL, KERNEL, KERNEL, 0, KERNEL, "load_end_addr" },
		{ KERNEL, KERNEL, KERNEL - 4, 0, KERNEL, "load_end_addr" },
		{ KERNEL, KERNEL, KERNEL + LEN, 0, KERNEL, "truncated" },
		{ KERNEL, KERNEL, 0, KERNEL + 8, KERNEL, "bss_end_addr" },
		{ KERNEL, KERNEL, 0, 0, KERNEL - 1, "entry_addr" },
		{ KERNEL, KERNEL, 0, 0, KERNEL + LEN, "entry_addr" },
		{ KERNEL, KERNEL, 0, 0xffffffff, KERNEL, "RAM" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refused(flat(0x10000, rows[i].header, rows[i].load,
			     rows[i].load_end, rows[i].bss_end, rows[i].entry),
			LEN, ERR_RANGE, rows[i].words);
}

static void what_the_header_wants_is_had_or_refused(void **state)
{
	static const struct {
		uint32_t flags;
		const char *words;
	} rows[] = { { 0x10004, "video mode" },
		     { 0x10008, "0x8" },
		     { 0x18000, "0x8000" },
		     { 3, "no addresses" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		refused(flat(rows[i].flags, KERNEL, KERNEL, 0, 0, KERNEL), LEN,
			ERR_UNSUPPORTED, rows[i].words);
	/* The upper half a loader may ignore. */
	assert_int_equal(
		parse(flat(0xffff0003, KERNEL, KERNEL, 0, 0, KERNEL), LEN), 0);
}

/* Multiboot Specification 0.6.96, section 3.1: in the first 8192 bytes, at a
 * multiple of 4. */
static void a_header_is_found_up_to_its_last_place(void **state)
{
	static uint8_t image[SEARCHED + LEN];
	static const struct {
		size_t at;
		bool found;
	} rows[] = { { 0, true },
		     { SEARCHED - 12, true },
		     { SEARCHED - 8, false },
		     { SEARCHED, false },
		     { 2, false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint8_t *from =
			flat(0x10000, KERNEL, KERNEL, 0, 0, KERNEL);

		memset(image, 0xf4, sizeof(image));
		memcpy(image + rows[i].at, from + HEADER, 32);
		if (!rows[i].found) {
			refused(image, sizeof(image), ERR_UNSUPPORTED,
				"unrecognised kernel image");
			continue;
		}
		assert_int_equal(parse(image, sizeof(image)), 0);
		assert_true(boot.pieces[0].len == sizeof(image) - rows[i].at);
		done(NULL);
	}
}

static void what_cannot_be_loaded_is_named(void **state)
{
	Elf32_Phdr p = load_at(KERNEL, 16, 16);
	uint8_t *image = elf(&p, 1, KERNEL);

	(void)state;
	image[HEADER + 8] ^= 1; /* the checksum */
	refused(image, LEN, ERR_UNSUPPORTED, "a 32-bit ELF file");
	image = elf(&p, 1, KERNEL);
	image[EI_CLASS] = ELFCLASS64;
	refused(image, LEN, ERR_UNSUPPORTED, "objcopy -O elf32-i386");
	refused((const uint8_t *)"\x1f\x8b\x08", 3, ERR_UNSUPPORTED, "gzip -d");
	refused((const uint8_t *)"MZ", 2, ERR_UNSUPPORTED, "bzImage");
	refused((const uint8_t *)"hello", 5, ERR_UNSUPPORTED, "Multiboot 1");
}

static void a_command_line_that_is_too_long_is_refused(void **state)
{
	static char args[BOOT_MAX_CMDLINE + 1];
	const Elf32_Phdr p = load_at(KERNEL, 16, 16);

	(void)state;
	memset(args, 'x', sizeof(args) - 1);
	boot.append = args;
	assert_int_equal(parse(elf(&p, 1, KERNEL), LEN), -1);
	assert_int_equal(err.kind, ERR_RANGE);
	assert_non_null(strstr(err.msg, "command line"));
}

#define TEST(f) cmocka_unit_test_teardown(f, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_elf_file_goes_to_its_physical_addresses),
		TEST(addresses_in_the_header_say_what_goes_where),
		TEST(without_ends_a_flat_image_goes_to_the_end_of_the_file),
		TEST(the_kernel_is_told_of_its_memory_and_modules),
		TEST(nothing_lies_in_the_window),
		TEST(segments_outside_of_ram_are_refused),
		TEST(every_truncation_of_an_elf_file_is_refused),
		TEST(what_a_file_says_of_itself_is_checked),
		TEST(bad_addresses_in_the_header_are_refused),
		TEST(what_the_header_wants_is_had_or_refused),
		TEST(a_header_is_found_up_to_its_last_place),
		TEST(what_cannot_be_loaded_is_named),
		TEST(a_command_line_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
