// SPDX-License-Identifier: GPL-2.0-only
/* ELF files with a PVH note from byte arrays, and the ACPI tables that both of
 * Linux's loaders give it. */
#include <elf.h>
#include <stddef.h>

#include "unit.h"
#include "fake_boot.h"

#define KERNEL 0x400000
#define LEN    2048
#define TEXT   1024 /* in the file, and its length */
#define NOTES  512

static uint8_t image[LEN];

struct note {
	Elf64_Nhdr h;
	char name[4];
	uint8_t data[8];
};

static const struct note pvh = { { 4, 8, 18 }, "Xen", { 0x10, 0, 0x40 } };

static Elf64_Ehdr *ehdr(void)
{
	return (void *)image;
}

static Elf64_Phdr *phdr(unsigned int i)
{
	return (void *)(image + sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr));
}

/* One segment, one that is notes: @len bytes of @notes. */
static void good(const void *notes, size_t len)
{
	memset(image, 0xf4, sizeof(image));
	memset(image, 0, TEXT);
	*ehdr() = (Elf64_Ehdr){ .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
					     ELFCLASS64, ELFDATA2LSB,
					     EV_CURRENT },
				.e_type = ET_EXEC,
				.e_machine = EM_X86_64,
				.e_entry = UINT64_MAX, /* of no interest */
				.e_phoff = sizeof(Elf64_Ehdr),
				.e_phentsize = sizeof(Elf64_Phdr),
				.e_phnum = 2 };
	*phdr(0) = (Elf64_Phdr){ .p_type = PT_LOAD,
				 .p_offset = TEXT,
				 .p_vaddr = 0xffffffff81000000,
				 .p_paddr = KERNEL,
				 .p_filesz = TEXT,
				 .p_memsz = 5000 };
	*phdr(1) = (Elf64_Phdr){ .p_type = PT_NOTE,
				 .p_offset = NOTES,
				 .p_filesz = len,
				 .p_memsz = len };
	memcpy(image + NOTES, notes, len);
}

static void it_begins_where_its_note_says(void **state)
{
	(void)state;
	good(&pvh, sizeof(pvh));
	assert_int_equal(parse(image, LEN), 0);
	assert_string_equal(boot.loader->name, "pvh");
	assert_true(boot.pieces[0].gpa == KERNEL);
	assert_true(boot.pieces[0].len == TEXT && boot.pieces[0].size == 5000);
	assert_true(boot.regs.rip == KERNEL + 0x10);
	assert_true(!boot.lm.cr3);
}

static void a_note_is_found_behind_others_and_may_be_short(void **state)
{
	struct {
		Elf64_Nhdr h;
		char name[8], data[4]; /* 5 and 3, padded */
		Elf64_Nhdr h2;
		char name2[4]; /* Xen's, another type */
		struct note other;
		Elf64_Nhdr h3;
		char name3[4];
		uint32_t entry;
	} notes = { { 5, 3, 18 }, "Xenx", "ab",
		    { 4, 0, 17 }, "Xen",  { { 4, 8, 18 }, "Xep", { 0 } },
		    { 4, 4, 18 }, "Xen",  KERNEL + 4 };

	(void)state;
	good(&notes, sizeof(notes));
	assert_int_equal(parse(image, LEN), 0);
	assert_true(boot.regs.rip == KERNEL + 4);
}

static void it_is_told_of_memory_initrd_and_command_line(void **state)
{
	struct {
		uint32_t magic, version, flags, nr_modules;
		uint64_t modules, cmdline, rsdp, map;
		uint32_t nr_ranges, reserved;
	} s;
	struct {
		uint64_t gpa, len, cmdline, reserved;
	} m;
	struct {
		uint64_t gpa, len;
		uint32_t type, reserved;
	} r;

	(void)state;
	good(&pvh, sizeof(pvh));
	boot.append = "two words";
	boot.vcpus = 1;
	add_module("A", 5, NULL);
	add_module("B", 3, NULL);
	assert_int_equal(parse(image, LEN), 0);
	memcpy(&s, told_bytes(boot.regs.rbx, sizeof(s)), sizeof(s));
	assert_int_equal(s.magic, 0x336ec578);
	assert_int_equal(s.version, 1);
	assert_string_equal(told_text(s.cmdline), "two words");
	assert_int_equal(s.nr_modules, 1);
	memcpy(&m, told_bytes(s.modules, sizeof(m)), sizeof(m));
	assert_true(m.gpa == boot.initrd.gpa && m.len == 11 && !m.cmdline);
	assert_true(m.gpa == KERNEL + 0x2000);
	assert_int_equal(s.nr_ranges, boot.nr_ranges);
	for (unsigned int i = 0; i < s.nr_ranges; i++) {
		memcpy(&r, told_bytes(s.map + i * sizeof(r), sizeof(r)),
		       sizeof(r));
		assert_true(r.gpa == boot.map[i].gpa &&
			    r.len == boot.map[i].len &&
			    r.type == boot.map[i].type && !r.reserved);
	}
	assert_memory_equal(told_bytes(s.rsdp, 8), "RSD PTR ", 8);
}

static void what_is_no_such_kernel_is_refused(void **state)
{
	struct note n = pvh;

	(void)state;
	good(&pvh, sizeof(pvh));
	phdr(1)->p_type = PT_NULL;
	refused(image, LEN, ERR_UNSUPPORTED, "CONFIG_PVH");
	n.h.n_type = 17;
	good(&n, sizeof(n));
	refused(image, LEN, ERR_UNSUPPORTED, "CONFIG_PVH");
	n = pvh;
	n.h.n_descsz = 7;
	good(&n, sizeof(n));
	refused(image, LEN, ERR_RANGE, "PVH note of 7 bytes");
	n = pvh;
	n.data[2] = 0x41; /* outside of the segment */
	good(&n, sizeof(n));
	refused(image, LEN, ERR_RANGE, "0x410010, is in no segment");
	n = pvh;
	n.data[4] = 1; /* above 4 GiB */
	good(&n, sizeof(n));
	refused(image, LEN, ERR_RANGE, "0x100400010");
	good(&pvh, sizeof(pvh));
	ehdr()->e_machine = EM_AARCH64;
	refused(image, LEN, ERR_UNSUPPORTED, "expected x86-64");
	good(&pvh, sizeof(pvh));
	ehdr()->e_type = ET_DYN;
	refused(image, LEN, ERR_UNSUPPORTED, "ET_EXEC");
	good(&pvh, sizeof(pvh));
	phdr(0)->p_paddr = 0xffffffff81000000;
	refused(image, LEN, ERR_RANGE, "not in the guest's RAM");
}

/* A length that does not fit ends the search, whatever it is. */
static void notes_that_are_cut_off_are_none(void **state)
{
	struct note n = pvh;

	(void)state;
	for (size_t len = 0; len < sizeof(pvh); len++) {
		good(&pvh, len);
		refused(image, LEN, ERR_UNSUPPORTED, "CONFIG_PVH");
	}
	n.h.n_namesz = 0xfffffffe;
	good(&n, sizeof(n));
	refused(image, LEN, ERR_UNSUPPORTED, "CONFIG_PVH");
	n = pvh;
	n.h.n_descsz = 0xffffffff;
	good(&n, sizeof(n));
	refused(image, LEN, ERR_UNSUPPORTED, "CONFIG_PVH");
	good(&pvh, sizeof(pvh));
	phdr(1)->p_filesz = UINT64_MAX;
	refused(image, LEN, ERR_RANGE, "truncated");
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	good(&pvh, sizeof(pvh));
	for (size_t len = 1; len < LEN; len++) {
		assert_int_equal(parse(image, len), -1);
		assert_true(err.msg[0]);
		done(NULL);
	}
	assert_int_equal(parse(image, LEN), 0);
}

/* ---- ACPI --------------------------------------------------------------- */

static uint8_t sum(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *b++);
	return s;
}

static uint64_t word(uint64_t gpa, size_t len)
{
	uint64_t v = 0;

	memcpy(&v, told_bytes(gpa, len), len);
	return v;
}

/* The table at @gpa, whole and with the right sum. */
static uint64_t table(uint64_t gpa, const char *signature)
{
	uint32_t len = (uint32_t)word(gpa + 4, 4);

	assert_memory_equal(told_bytes(gpa, 4), signature, 4);
	assert_int_equal(sum(told_bytes(gpa, len), len), 0);
	return gpa;
}

/* ACPI Specification 6.5, 5.2.5.1: in the BIOS area, at a multiple of 16. */
static uint64_t load_tables(unsigned int vcpus)
{
	good(&pvh, sizeof(pvh));
	boot.vcpus = vcpus;
	assert_int_equal(parse(image, LEN), 0);
	for (uint64_t at = 0xf0000; at < 0x100000; at += 16)
		if (!memcmp(told_bytes(at, 8), "RSD PTR ", 8))
			return at;
	return 0;
}

static void acpi_tables_are_found_and_their_sums_are_right(void **state)
{
	uint64_t rsdp = load_tables(2), xsdt, rsdt, fadt;

	(void)state;
	assert_true(rsdp);
	assert_int_equal(sum(told_bytes(rsdp, 20), 20), 0);
	assert_int_equal(sum(told_bytes(rsdp, 36), 36), 0);
	xsdt = table(word(rsdp + 24, 8), "XSDT");
	fadt = table(word(xsdt + 36, 8), "FACP");
	table(word(xsdt + 44, 8), "APIC");
	/* kvm-unit-tests look for them here. */
	rsdt = table(word(rsdp + 16, 4), "RSDT");
	assert_true(word(rsdt + 36, 4) == word(xsdt + 36, 8));
	assert_true(word(rsdt + 40, 4) == word(xsdt + 44, 8));
	assert_int_equal(word(rsdt + 4, 4), 44);
	table(word(fadt + 40, 4), "DSDT");
	assert_true(word(fadt + 140, 8) == word(fadt + 40, 4));
	assert_memory_equal(told_bytes(word(fadt + 36, 4), 4), "FACS", 4);
	assert_true(word(fadt + 36, 4) % 64 == 0);
}

static void
fadt_says_how_to_power_off_and_reset_and_where_the_timer_is(void **state)
{
	/* Name (\_S5, Package (4) { 5, 5, 0, 0 }) */
	static const uint8_t s5[] = { 0x08, '_',  'S', '5',  '_', 0x12, 8,
				      4,    0x0a, 5,   0x0a, 5,	  0,	0 };
	uint64_t rsdp = load_tables(1);
	uint64_t fadt = word(word(rsdp + 24, 8) + 36, 8);

	(void)state;
	assert_int_equal(word(fadt + 56, 4), 0x600);
	assert_int_equal(word(fadt + 64, 4), 0x604);
	assert_int_equal(word(fadt + 76, 4), 0x608);
	assert_int_equal(word(fadt + 91, 1), 4);
	assert_int_equal(word(fadt + 212, 8), 0x608);
	assert_true(!(word(fadt + 112, 4) & 1 << 8)); /* 24 bits */
	assert_int_equal(word(fadt + 48, 4), 0);      /* always in ACPI mode */
	assert_int_equal(word(fadt + 116, 1), 1);
	assert_int_equal(word(fadt + 120, 8), 0xcf9);
	assert_int_equal(word(fadt + 128, 1), 6);
	assert_true(word(fadt + 112, 4) & 1 << 10);    /* RESET_REG_SUP */
	assert_true(!(word(fadt + 112, 4) & 1 << 20)); /* HW_REDUCED_ACPI */
	assert_true(!(word(fadt + 109, 2) & 1 << 1));  /* no 8042 */
	assert_true(!(word(fadt + 109, 2) & 1 << 5));  /* there is an RTC */
	assert_memory_equal(told_bytes(word(fadt + 40, 4) + 36, sizeof(s5)), s5,
			    sizeof(s5));
}

static void madt_has_every_cpu_and_the_timers_pin(void **state)
{
	const unsigned int numbers[] = { 1, 4, CONFIG_MAX_APICS };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		uint64_t rsdp = load_tables(numbers[i]);
		uint64_t madt = word(word(rsdp + 24, 8) + 44, 8);
		uint64_t end = madt + word(madt + 4, 4), at = madt + 44;
		unsigned int cpus = 0, pit = 0, io_apics = 0;

		table(madt, "APIC");
		assert_true(word(madt + 36, 4) == 0xfee00000);
		for (; at < end; at += word(at + 1, 1)) {
			uint64_t type = word(at, 1);

			if (type == 0) {
				assert_int_equal(word(at + 3, 1), cpus);
				assert_int_equal(word(at + 4, 4), 1);
				cpus++;
			}
			pit += type == 2 && !word(at + 3, 1) &&
			       word(at + 4, 4) == 2;
			io_apics += type == 1 && word(at + 4, 4) == 0xfec00000;
		}
		assert_true(at == end);
		assert_int_equal(cpus, numbers[i]);
		assert_true(pit == 1 && io_apics == 1);
		done(NULL);
	}
}

#define TEST(f) cmocka_unit_test_teardown(f, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_begins_where_its_note_says),
		TEST(a_note_is_found_behind_others_and_may_be_short),
		TEST(it_is_told_of_memory_initrd_and_command_line),
		TEST(what_is_no_such_kernel_is_refused),
		TEST(notes_that_are_cut_off_are_none),
		TEST(every_truncation_is_refused),
		TEST(acpi_tables_are_found_and_their_sums_are_right),
		TEST(fadt_says_how_to_power_off_and_reset_and_where_the_timer_is),
		TEST(madt_has_every_cpu_and_the_timers_pin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
