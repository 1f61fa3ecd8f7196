// SPDX-License-Identifier: GPL-2.0-only
/*
 * A Linux bzImage, by the 64-bit boot protocol (Documentation/arch/x86/boot.rst):
 * the kernel starts in 64-bit mode at 0x200 in its protected-mode part, which unpacks
 * itself. RSI points to the boot_params, the "zero page".
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "boot/acpi.h"
#include "boot/boot.h"

#define HEADER	      0x1f1
#define MAGIC	      0x53726448 /* "HdrS", at 0x202 */
#define MAGIC_AT      0x202
#define BOOT_FLAG     0xaa55
#define SECTOR	      512UL
#define ENTRY_64      0x200
/* 2.12, Linux 3.8: xloadflags, which announces the 64-bit entry. */
#define VERSION_MIN   0x020c
#define LOADER_OTHER  0xff /* type_of_loader without a number of its own */
#define VIDEO_NORMAL  0xffff

/* The zero page and other small pieces: below the window, if there is one. */
#define LOW	      0x1000
#define TREE_FROM     MIB

/* Page tables that map the first 4 GiB to themselves. */
#define TABLE_ENTRIES 512UL
#define DIRECTORIES   4
#define TABLES	      (2 + DIRECTORIES)
#define TABLE_NEXT    0x3ULL  /* present, writable */
#define TABLE_2M      0x83ULL /* and a page of 2 MiB */

_Static_assert(offsetof(struct boot_params, hdr) == HEADER, "zero page");
_Static_assert(sizeof(struct boot_params) == 4096, "zero page");

/* ---- the file ----------------------------------------------------------- */

static bool linux_match(const struct boot *b)
{
	const struct bytes *im = &b->kernel;

	return im->len >= MAGIC_AT + 4 && bytes_u32(im, MAGIC_AT) == MAGIC;
}

/* The jump over the header gives its length; the rest is zeros. */
static int read_setup_header(const struct bytes *im, struct setup_header *h,
			     struct err *e)
{
	uint64_t end = MAGIC_AT + im->data[MAGIC_AT - 1];
	uint64_t len = end - HEADER;
	const void *p;

	if (len > sizeof(*h))
		len = sizeof(*h);
	p = bytes_at(im, HEADER, len, "the setup header", e);
	if (!p)
		return -1;
	memset(h, 0, sizeof(*h));
	memcpy(h, p, len);
	return 0;
}

static int check_setup(const struct bytes *im, const struct setup_header *h,
		       struct err *e)
{
	if (h->boot_flag != BOOT_FLAG)
		return err_range(e,
				 "%s: has the magic of a bzImage, but 0x%x "
				 "instead of 0xaa55 at 0x1fe",
				 im->name, h->boot_flag);
	if (h->version < VERSION_MIN)
		return err_unsupported(e,
				       "%s: boot protocol %u.%02u is too old; "
				       "expected 2.12 (Linux 3.8) or later",
				       im->name, h->version >> 8,
				       h->version & 0xff);
	if (!(h->loadflags & LOADED_HIGH) || !(h->xloadflags & XLF_KERNEL_64))
		return err_unsupported(
			e,
			"%s: has no 64-bit entry (loadflags "
			"0x%x, xloadflags 0x%x): expected a bzImage for "
			"x86-64",
			im->name, h->loadflags, h->xloadflags);
	if (h->kernel_alignment < PAGE_SIZE ||
	    h->kernel_alignment & (h->kernel_alignment - 1))
		return err_range(e,
				 "%s: kernel_alignment 0x%x is not a power of "
				 "2 of at least 0x1000",
				 im->name, h->kernel_alignment);
	return 0;
}

/* Find the lowest place from its preferred address on, with room to unpack. A kernel
 * that is not relocatable must be at that address. */
static int find_place(const struct boot *b, const struct setup_header *h,
		      struct boot_piece *p, struct err *e)
{
	uint64_t at = h->pref_address, found;

	p->gpa = at;
	if (!h->relocatable_kernel || at >= 4 * GIB)
		return 0; /* boot_put() checks it */
	do {
		at = align_up(at, h->kernel_alignment);
		if (boot_find(b, at, 4 * GIB, p->size, p->what, &found, e))
			return -1;
	} while (found != at && (at = found, true));
	p->gpa = at;
	return 0;
}

static int linux_put(struct boot *b, const struct setup_header *h,
		     uint64_t *end, uint64_t *entry, struct err *e)
{
	const struct bytes *im = &b->kernel;
	uint64_t at = ((h->setup_sects ?: 4U) + 1) * SECTOR;
	struct boot_piece p = { .what = "the kernel",
				.size = h->init_size,
				.image = true,
				.unpacks = true };

	p.len = (uint64_t)h->syssize * 16;
	p.data = bytes_at(im, at, p.len, "the protected-mode part", e);
	if (!p.data)
		return -1;
	if (p.len <= ENTRY_64 || p.len > p.size)
		return err_range(
			e,
			"%s: a protected-mode part of 0x%" PRIx64
			" bytes; expected more than 0x200, and at most "
			"its init_size, 0x%" PRIx64,
			im->name, p.len, p.size);
	if (find_place(b, h, &p, e) || boot_put(b, &p, e))
		return -1;
	*end = p.gpa + p.size;
	*entry = p.gpa + ENTRY_64;
	return 0;
}

/* Below the limit of the header; or anywhere, if it can be above 4 GiB and is not
 * copied by the loader in the window, which has 32 bits. */
static int put_initrd(struct boot *b, const struct setup_header *h,
		      uint64_t end, struct err *e)
{
	uint64_t below = (uint64_t)h->initrd_addr_max + 1;

	if (h->xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G)
		below = b->window.len ? 4 * GIB : UINT64_MAX;
	return boot_put_initrd(b, end, below, e);
}

/* ---- the zero page ------------------------------------------------------ */

/* A list of one setup_data: the device tree. */
static int put_tree(struct boot *b, uint64_t *gpa, struct err *e)
{
	struct setup_data *d;
	void *tree;
	size_t len;

	*gpa = 0;
	if (!b->tree)
		return 0;
	tree = b->tree(b->tree_arg, &len, e);
	if (!tree)
		return -1;
	d = boot_alloc(b, "the device tree", TREE_FROM, 4 * GIB,
		       sizeof(*d) + len, gpa, e);
	if (d) {
		d->type = SETUP_DTB;
		d->len = (uint32_t)len;
		memcpy(d->data, tree, len);
	}
	free(tree);
	return d ? 0 : -1;
}

static void fill_e820(const struct boot *b, struct boot_params *z)
{
	for (unsigned int i = 0; i < b->nr_ranges; i++)
		z->e820_table[z->e820_entries++] =
			(struct boot_e820_entry){ b->map[i].gpa, b->map[i].len,
						  b->map[i].type };
}

static int put_zero_page(struct boot *b, const struct setup_header *h,
			 uint64_t *gpa, struct err *e)
{
	uint64_t cmdline, rsdp, tree;
	struct boot_params *z;

	if (boot_put_append(b, h->cmdline_size, &cmdline, e) ||
	    acpi_put(b, &rsdp, e) || put_tree(b, &tree, e))
		return -1;
	z = boot_alloc(b, "the zero page", LOW, 4 * GIB, sizeof(*z), gpa, e);
	if (!z)
		return -1;
	z->hdr = *h;
	z->acpi_rsdp_addr = rsdp;
	z->hdr.setup_data = tree;
	z->hdr.type_of_loader = LOADER_OTHER;
	z->hdr.vid_mode = VIDEO_NORMAL;
	z->hdr.cmd_line_ptr = (uint32_t)cmdline;
	z->hdr.ramdisk_image = (uint32_t)b->initrd.gpa;
	z->hdr.ramdisk_size = (uint32_t)b->initrd.len;
	z->ext_ramdisk_image = (uint32_t)(b->initrd.gpa >> 32);
	z->ext_ramdisk_size = (uint32_t)(b->initrd.len >> 32);
	fill_e820(b, z);
	return 0;
}

/* ---- 64-bit mode -------------------------------------------------------- */

/* The tables hold their own address. */
static int put_tables(struct boot *b, uint64_t *gpa, struct err *e)
{
	uint64_t *t = boot_alloc(b, "page tables", LOW, 4 * GIB,
				 TABLES * PAGE_SIZE, gpa, e);

	if (!t)
		return -1;
	t[0] = (*gpa + PAGE_SIZE) | TABLE_NEXT;
	for (unsigned int i = 0; i < DIRECTORIES; i++)
		t[TABLE_ENTRIES + i] = (*gpa + (2 + i) * PAGE_SIZE) |
				       TABLE_NEXT;
	for (uint64_t i = 0; i < DIRECTORIES * TABLE_ENTRIES; i++)
		t[2 * TABLE_ENTRIES + i] = i * 2 * MIB | TABLE_2M;
	return 0;
}

static int put_gdt(struct boot *b, uint64_t *gpa, struct err *e)
{
	static const uint64_t gdt[BOOT_GDT_ENTRIES] = {
		0, 0, 0x00af9b000000ffff, /* __BOOT_CS */
		0x00cf93000000ffff,	  /* __BOOT_DS */
	};
	void *p = boot_alloc(b, "the GDT", LOW, 4 * GIB, sizeof(gdt), gpa, e);

	if (p)
		memcpy(p, gdt, sizeof(gdt));
	return p ? 0 : -1;
}

static int linux_load(struct boot *b, struct err *e)
{
	struct setup_header h;
	uint64_t end, entry, zero_page;

	if (read_setup_header(&b->kernel, &h, e) ||
	    check_setup(&b->kernel, &h, e) ||
	    linux_put(b, &h, &end, &entry, e) || put_initrd(b, &h, end, e) ||
	    put_zero_page(b, &h, &zero_page, e) ||
	    put_tables(b, &b->lm.cr3, e) || put_gdt(b, &b->lm.gdt, e))
		return -1;
	b->regs = (struct kvm_regs){
		.rsi = zero_page,
		.rip = entry,
		.rflags = 2,
	};
	return 0;
}

const struct boot_loader linux_loader = {
	.name = "linux",
	.help = "a Linux bzImage for x86-64 (boot protocol 2.12 and later)",
	.match = linux_match,
	.load = linux_load,
};
