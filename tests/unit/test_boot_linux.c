// SPDX-License-Identifier: GPL-2.0-only
/* Linux's bzImage from byte arrays: where it goes, what it is told, what is
 * refused. */
#include <asm/bootparam.h>
#include <stddef.h>

#include "unit.h"
#include "fake_boot.h"

#define KERNEL 0x400000
#define SETUP  1024 /* one sector and the boot sector */
#define BODY   4096
#define LEN    (SETUP + BODY)

#define CS     0x00af9b000000ffffULL
#define DS     0x00cf93000000ffffULL

static uint8_t image[LEN];

/* The setup header of a good image, to be spoilt. */
static struct setup_header *good(void)
{
	struct setup_header *h = (void *)(image + 0x1f1);

	memset(image, 0xf4, sizeof(image));
	memset(image, 0, SETUP);
	*h = (struct setup_header){
		.setup_sects = 1,
		.syssize = BODY / 16,
		.boot_flag = 0xaa55,
		.jump = 0x6aeb, /* to 0x26c */
		.header = 0x53726448,
		.version = 0x20f,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64,
		.cmdline_size = 100,
		.pref_address = KERNEL,
		.init_size = 0x100000,
	};
	return h;
}

static const struct boot_params *zero_page(void)
{
	return told_bytes(boot.regs.rsi, sizeof(struct boot_params));
}

static void
it_goes_where_it_prefers_and_begins_at_its_64_bit_entry(void **state)
{
	(void)state;
	good();
	assert_int_equal(parse(image, LEN), 0);
	assert_string_equal(boot.loader->name, "linux");
	assert_true(boot.pieces[0].gpa == KERNEL);
	assert_true(boot.pieces[0].len == BODY);
	assert_true(boot.pieces[0].size == 0x100000);
	assert_ptr_equal(boot.pieces[0].data, boot.kernel.data + SETUP);
	assert_true(boot.regs.rip == KERNEL + 0x200);
	assert_true(boot.regs.rflags == 2);
}

static void a_setup_of_no_sectors_has_four(void **state)
{
	struct setup_header *h = good();

	(void)state;
	h->setup_sects = 0;
	h->syssize = (LEN - 5 * 512) / 16;
	assert_int_equal(parse(image, LEN), 0);
	assert_ptr_equal(boot.pieces[0].data, boot.kernel.data + 5 * 512UL);
}

/* boot.rst, "64-bit Boot Protocol": an identity map of what it is given, and
 * __BOOT_CS and __BOOT_DS. */
static void page_tables_map_the_first_4g_to_themselves(void **state)
{
	const uint64_t *pml4, *pdpt, *gdt;

	(void)state;
	good();
	assert_int_equal(parse(image, LEN), 0);
	pml4 = told_bytes(boot.lm.cr3, 4096);
	pdpt = told_bytes(pml4[0] & ~0xfffULL, 4096);
	for (uint64_t g = 0; g < 4; g++) {
		const uint64_t *pd = told_bytes(pdpt[g] & ~0xfffULL, 4096);

		assert_true((pdpt[g] & 0xfff) == 3);
		for (uint64_t i = 0; i < 512; i++)
			assert_true(pd[i] == ((g << 30 | i << 21) | 0x83));
	}
	assert_true((pml4[0] & 0xfff) == 3 && !pml4[1] && !pdpt[4]);
	gdt = told_bytes(boot.lm.gdt, BOOT_GDT_ENTRIES * 8UL);
	assert_true(gdt[2] == CS && gdt[3] == DS);
}

static void the_zero_page_is_its_header_and_zeros(void **state)
{
	const struct boot_params *z;

	(void)state;
	good()->payload_offset = 0x1234;
	image[0x1ef] = 0xff; /* the sentinel, which is not to be taken along */
	image[0x1f1 + sizeof(struct setup_header)] = 0x77;
	boot.append = "two words";
	assert_int_equal(parse(image, LEN), 0);
	z = zero_page();
	assert_int_equal(z->hdr.payload_offset, 0x1234);
	assert_int_equal(z->hdr.type_of_loader, 0xff);
	assert_int_equal(z->hdr.header, 0x53726448);
	assert_int_equal(z->sentinel, 0);
	assert_int_equal(*((const uint8_t *)&z->hdr + sizeof(z->hdr)), 0);
	assert_string_equal(told_text(z->hdr.cmd_line_ptr), "two words");
	assert_int_equal(z->hdr.ramdisk_size, 0);
	assert_true(!z->hdr.setup_data);
}

/* An older kernel's header is shorter: what is behind it is not header. */
static void a_header_ends_where_its_jump_goes(void **state)
{
	struct setup_header *h = good();

	(void)state;
	h->jump = 0x62eb; /* to 0x264: without handover_offset */
	h->handover_offset = 0xdeadbeef;
	assert_int_equal(parse(image, LEN), 0);
	assert_int_equal(zero_page()->hdr.handover_offset, 0);
	assert_int_equal(zero_page()->hdr.init_size, 0x100000);
}

static void it_is_told_of_its_memory(void **state)
{
	const struct boot_params *z;

	(void)state;
	high_ram = 32 * MIB;
	good();
	assert_int_equal(parse(image, LEN), 0);
	z = zero_page();
	assert_int_equal(z->e820_entries, 5);
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(z->e820_table[i].addr == boot.map[i].gpa);
		assert_true(z->e820_table[i].size == boot.map[i].len);
		assert_true(z->e820_table[i].type == boot.map[i].type);
	}
	assert_true(z->e820_table[4].addr == 4 * GIB);
}

static void files_of_the_initrd_are_one(void **state)
{
	const struct boot_params *z;
	uint64_t at;

	(void)state;
	good();
	add_module("A", 5, NULL);
	add_module("B", 3, NULL);
	assert_int_equal(parse(image, LEN), 0);
	z = zero_page();
	at = z->hdr.ramdisk_image;
	assert_true(at == KERNEL + 0x100000);
	assert_true(boot.initrd.gpa == at && boot.initrd.len == 11);
	assert_int_equal(z->hdr.ramdisk_size, 11);
	assert_memory_equal(told_bytes(at, 5), "\1\2\3\4\5", 5);
	assert_memory_equal(told_bytes(at + 8, 3), "\1\2\3", 3);
}

static void an_initrd_stays_below_what_the_kernel_says(void **state)
{
	struct setup_header *h = good();

	(void)state;
	h->initrd_addr_max = KERNEL + 0x100000 + 4095;
	add_module("A", 4096, NULL);
	assert_int_equal(parse(image, LEN), 0);
	done(NULL);
	add_module("A", 4097, NULL);
	refused(image, LEN, ERR_RANGE, "no room for the initrd");
	/* Nor is there another place for one that fits no RAM. */
	add_module("A", 12 * MIB, NULL);
	refused(image, LEN, ERR_RANGE, "no room for the initrd");
}

static void an_initrd_above_4g_takes_a_kernel_that_can(void **state)
{
	struct setup_header *h = good();
	uint64_t at;

	(void)state;
	high_ram = 32 * MIB;
	add_module("A", 12 * MIB, NULL);
	refused(image, LEN, ERR_RANGE, "no room for the initrd");
	h->xloadflags |= XLF_CAN_BE_LOADED_ABOVE_4G;
	high_ram = 32 * MIB;
	add_module("A", 12 * MIB, NULL);
	assert_int_equal(parse(image, LEN), 0);
	at = (uint64_t)zero_page()->ext_ramdisk_image << 32 |
	     zero_page()->hdr.ramdisk_image;
	assert_true(at == 4 * GIB);
	assert_int_equal(zero_page()->hdr.ramdisk_size, 12 * MIB);
	done(NULL);
	/* The loader in the window has 32 bits. */
	high_ram = 32 * MIB;
	boot.window = (struct boot_range){ 0x10000, 0x90000, 0 };
	add_module("A", 12 * MIB, NULL);
	refused(image, LEN, ERR_RANGE, "no room for the initrd");
}

static void arguments_of_an_initrd_are_refused(void **state)
{
	(void)state;
	good();
	add_module("A", 4, "args");
	assert_int_equal(parse(image, LEN), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_non_null(strstr(err.msg, "--initrd A,args"));
}

static void *fake_tree(void *arg, size_t *len, struct err *e)
{
	/* Where the initrd is has to be known by now. */
	uint64_t *initrd = arg, *tree = malloc(sizeof(*tree));

	(void)e;
	*initrd = boot.initrd.gpa;
	assert_non_null(tree);
	*tree = 0x1122334455667788;
	*len = sizeof(*tree);
	return tree;
}

static void *no_tree(void *arg, size_t *len, struct err *e)
{
	(void)arg;
	*len = 0;
	err_state(e, "KERNEL: no tree");
	return NULL;
}

static void the_tree_is_setup_data(void **state)
{
	uint64_t initrd = 0;
	const struct setup_data *d;

	(void)state;
	good();
	boot.tree = fake_tree;
	boot.tree_arg = &initrd;
	add_module("A", 4, NULL);
	assert_int_equal(parse(image, LEN), 0);
	assert_true(initrd == boot.initrd.gpa && initrd);
	d = told_bytes(zero_page()->hdr.setup_data, sizeof(*d) + 8);
	assert_true(!d->next && d->type == SETUP_DTB && d->len == 8);
	assert_memory_equal(d->data, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	done(NULL);
	boot.tree = no_tree;
	refused(image, LEN, ERR_STATE, "no tree");
}

static void
a_kernel_that_can_be_moved_goes_to_a_free_aligned_place(void **state)
{
	struct setup_header *h = good();

	(void)state;
	h->pref_address = 0x500000; /* not aligned itself */
	assert_int_equal(parse(image, LEN), 0);
	assert_true(boot.pieces[0].gpa == 0x600000);
	done(NULL);
	h->pref_address = 0x90000; /* in the window, then in the BIOS */
	h->kernel_alignment = 0x1000;
	boot.window = (struct boot_range){ 0x10000, 0x90000, 0 };
	assert_int_equal(parse(image, LEN), 0);
	assert_true(boot.pieces[0].gpa == MIB);
	done(NULL);
	h->init_size = 16 * MIB;
	refused(image, LEN, ERR_RANGE, "no room for the kernel");
	h->init_size = 0xffffffff;
	refused(image, LEN, ERR_RANGE, "no room for the kernel");
}

static void one_that_cannot_be_moved_is_there_or_refused(void **state)
{
	static const uint64_t bad[] = { 0xf00001, 16 * MIB, 0, 0xfffffffff000,
					UINT64_MAX };
	struct setup_header *h = good();

	(void)state;
	h->relocatable_kernel = 0;
	h->pref_address = 0x500000;
	assert_int_equal(parse(image, LEN), 0);
	assert_true(boot.pieces[0].gpa == 0x500000);
	done(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		h->pref_address = bad[i];
		refused(image, LEN, ERR_RANGE, "not in the guest's RAM");
	}
	h->relocatable_kernel = 1;
	h->pref_address = UINT64_MAX;
	refused(image, LEN, ERR_RANGE, "not in the guest's RAM");
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	good();
	for (size_t len = 1; len < LEN; len++) {
		assert_int_equal(parse(image, len), -1);
		assert_true(err.msg[0]);
		if (len >= 0x300)
			assert_non_null(strstr(err.msg, "truncated"));
		done(NULL);
	}
	assert_int_equal(parse(image, LEN), 0);
}

static void what_its_header_lacks_or_contradicts_is_refused(void **state)
{
	struct setup_header *h;

	(void)state;
	good()->version = 0x20b;
	refused(image, LEN, ERR_UNSUPPORTED, "boot protocol 2.11 is too old");
	good()->boot_flag = 0xaa54;
	refused(image, LEN, ERR_RANGE, "0xaa54");
	good()->xloadflags = XLF_CAN_BE_LOADED_ABOVE_4G;
	refused(image, LEN, ERR_UNSUPPORTED, "no 64-bit entry");
	good()->loadflags = 0;
	refused(image, LEN, ERR_UNSUPPORTED, "no 64-bit entry");
	good()->kernel_alignment = 0x300000;
	refused(image, LEN, ERR_RANGE, "kernel_alignment 0x300000");
	good()->kernel_alignment = 0;
	refused(image, LEN, ERR_RANGE, "kernel_alignment");
	good()->init_size = BODY - 1;
	refused(image, LEN, ERR_RANGE, "init_size");
	good()->syssize = 0x20; /* ends where the entry is */
	refused(image, LEN, ERR_RANGE, "more than 0x200");
	good()->syssize = 0xffffffff;
	refused(image, LEN, ERR_RANGE, "truncated");
	h = good();
	h->setup_sects = 255;
	refused(image, LEN, ERR_RANGE, "truncated");
	good()->header = 0x53726449;
	refused(image, LEN, ERR_UNSUPPORTED, "unrecognised kernel image");
}

static void a_command_line_is_as_long_as_the_kernel_takes(void **state)
{
	static char args[101];

	(void)state;
	memset(args, 'x', sizeof(args) - 1);
	good();
	boot.append = args;
	assert_int_equal(parse(image, LEN), 0);
	assert_string_equal(told_text(zero_page()->hdr.cmd_line_ptr), args);
	done(NULL);
	good()->cmdline_size = 99;
	boot.append = args;
	refused(image, LEN, ERR_RANGE, "at most 99");
}

static void nothing_lies_in_the_window(void **state)
{
	(void)state;
	good();
	boot.window = (struct boot_range){ 0x9000, 0x97000, 0 };
	add_module("A", 4, NULL);
	assert_int_equal(parse(image, LEN), 0);
	for (unsigned int i = 0; i < boot.nr_pieces; i++)
		assert_true(boot.pieces[i].gpa + boot.pieces[i].size <=
				    0x9000 ||
			    boot.pieces[i].gpa >= 0xa0000);
}

#define TEST(f) cmocka_unit_test_teardown(f, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_goes_where_it_prefers_and_begins_at_its_64_bit_entry),
		TEST(a_setup_of_no_sectors_has_four),
		TEST(page_tables_map_the_first_4g_to_themselves),
		TEST(the_zero_page_is_its_header_and_zeros),
		TEST(a_header_ends_where_its_jump_goes),
		TEST(it_is_told_of_its_memory),
		TEST(files_of_the_initrd_are_one),
		TEST(an_initrd_stays_below_what_the_kernel_says),
		TEST(an_initrd_above_4g_takes_a_kernel_that_can),
		TEST(arguments_of_an_initrd_are_refused),
		TEST(the_tree_is_setup_data),
		TEST(a_kernel_that_can_be_moved_goes_to_a_free_aligned_place),
		TEST(one_that_cannot_be_moved_is_there_or_refused),
		TEST(every_truncation_is_refused),
		TEST(what_its_header_lacks_or_contradicts_is_refused),
		TEST(a_command_line_is_as_long_as_the_kernel_takes),
		TEST(nothing_lies_in_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
