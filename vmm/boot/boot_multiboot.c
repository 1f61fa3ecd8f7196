// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multiboot 1 (Multiboot Specification 0.6.96): an ELF file for i386, or any file
 * whose header has addresses (flag bit 16, which wins, as in GRUB). The kernel starts
 * in 32-bit protected mode; EAX is the magic, and EBX points to the Multiboot
 * information.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/acpi.h"
#include "boot/elf_image.h"

/* Section 3.1: the header's place and fields. */
#define SEARCH	       8192
#define MAGIC	       0x1badb002
#define BOOTED	       0x2badb002

#define ALIGN_MODULES  (1U << 0)
#define WANT_MEMORY    (1U << 1)
#define WANT_VIDEO     (1U << 2)
#define MUST	       0xffffU /* bits that a loader must understand */
#define HAVE_ADDRESSES (1U << 16)

/* Section 3.3: the fields of the information. */
#define INFO_MEMORY    (1U << 0)
#define INFO_CMDLINE   (1U << 2)
#define INFO_MODULES   (1U << 3)
#define INFO_MMAP      (1U << 6)
#define INFO_NAME      (1U << 9)

#define INFO_PLACE     0x9000 /* as in QEMU */

struct mb_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives[2], config, name;
	uint32_t apm, vbe[4];
};

struct mb_module {
	uint32_t start, end, string, reserved;
};

struct mb_range {
	uint32_t size; /* of what follows */
	uint64_t gpa, len;
	uint32_t type;
} __attribute__((packed));

/* The information, its strings and lists, in one piece of memory. */
struct info_block {
	uint8_t *buf;
	uint32_t gpa, len;
};

/* ---- the header --------------------------------------------------------- */

/* Its offset; len: not found. */
static uint64_t find_header(const struct bytes *im)
{
	uint64_t end = im->len < SEARCH ? im->len : SEARCH;

	for (uint64_t at = 0; at + 12 <= end; at += 4)
		if (bytes_u32(im, at) == MAGIC &&
		    !(uint32_t)(MAGIC + bytes_u32(im, at + 4) +
				bytes_u32(im, at + 8)))
			return at;
	return im->len;
}

static bool multiboot_match(const struct boot *b)
{
	return find_header(&b->kernel) != b->kernel.len;
}

static int check_flags(const struct bytes *im, uint32_t flags, struct err *e)
{
	uint32_t unknown = flags & MUST &
			   ~(ALIGN_MODULES | WANT_MEMORY | WANT_VIDEO);

	if (flags & WANT_VIDEO)
		return err_unsupported(
			e,
			"%s: its Multiboot header requests a video "
			"mode (flags 0x%x, bit 2): not supported, "
			"there is only a serial port",
			im->name, flags);
	if (unknown)
		return err_unsupported(
			e,
			"%s: unknown requirements 0x%x in the flags of "
			"its Multiboot header (0x%x): bits 0, 1 and "
			"16 are known",
			im->name, unknown, flags);
	return 0;
}

/* Section 3.1.3: addresses in the header, for a file of any format. */
static int put_by_addresses(struct boot *b, uint64_t header, uint64_t *entry,
			    struct err *e)
{
	const struct bytes *im = &b->kernel;
	struct boot_piece p = { .what = "the image", .image = true };
	uint32_t header_addr, load, load_end, bss_end;
	uint64_t offset;

	if (!bytes_at(im, header, 32, "the Multiboot header with addresses", e))
		return -1;
	header_addr = bytes_u32(im, header + 12);
	load = bytes_u32(im, header + 16);
	load_end = bytes_u32(im, header + 20);
	bss_end = bytes_u32(im, header + 24);
	*entry = bytes_u32(im, header + 28);
	if (load > header_addr || header_addr - load > header)
		return err_range(e,
				 "%s: the Multiboot header, at offset "
				 "0x%" PRIx64
				 ", belongs at 0x%x, and the image at 0x%x: "
				 "it would start before the file",
				 im->name, header, header_addr, load);
	offset = header - (header_addr - load);
	/* load_end 0: up to the end of the file; bss_end 0: no bss. */
	p.gpa = load;
	p.len = load_end ? (uint64_t)load_end - load : im->len - offset;
	if (load_end && load_end <= load)
		return err_range(e,
				 "%s: load_end_addr 0x%x is not above "
				 "load_addr 0x%x",
				 im->name, load_end, load);
	if (bss_end && bss_end < p.gpa + p.len)
		return err_range(e,
				 "%s: bss_end_addr 0x%x is below the end of "
				 "the loaded image, 0x%" PRIx64,
				 im->name, bss_end, p.gpa + p.len);
	p.size = bss_end ? (uint64_t)bss_end - load : p.len;
	p.data = bytes_at(im, offset, p.len, p.what, e);
	if (!p.data || boot_put(b, &p, e))
		return -1;
	if (!boot_covers(b, *entry))
		return err_range(e,
				 "%s: entry_addr 0x%" PRIx64 " is not in the "
				 "image",
				 im->name, *entry);
	return 0;
}

static int put_elf(struct boot *b, uint64_t *entry, struct err *e)
{
	struct elf f;

	if (elf_open(&f, &b->kernel, 32, e) || elf_put(b, &f, 0, e))
		return -1;
	*entry = f.h.e_entry;
	if (!boot_covers(b, *entry))
		return err_range(e,
				 "%s: the entry 0x%" PRIx64 " is in no "
				 "segment; it must be a physical address",
				 b->kernel.name, *entry);
	return 0;
}

static int multiboot_put(struct boot *b, uint64_t header, uint32_t flags,
			 uint64_t *entry, struct err *e)
{
	if (flags & HAVE_ADDRESSES)
		return put_by_addresses(b, header, entry, e);
	switch (elf_bits(&b->kernel)) {
	case 32:
		return put_elf(b, entry, e);
	case 64:
		return err_unsupported(e,
				       "%s: a 64-bit ELF file: Multiboot 1 "
				       "starts 32-bit ones; convert it with "
				       "objcopy -O elf32-i386",
				       b->kernel.name);
	default:
		return err_unsupported(e,
				       "%s: has a Multiboot header, but is not "
				       "an ELF file, and the header has no "
				       "addresses (flags bit 16)",
				       b->kernel.name);
	}
}

/* ---- the information ---------------------------------------------------- */

/* Append @len bytes, zeros if @data is NULL, and return their gpa. info_size() has
 * counted the sum. */
static uint32_t info_append(struct info_block *t, const void *data, size_t len)
{
	uint32_t at = t->len;

	if (data)
		memcpy(t->buf + at, data, len);
	t->len = (uint32_t)align_up(at + len, 8);
	return t->gpa + at;
}

static uint64_t string_size(const char *name, const char *args)
{
	return strlen(name) + 1 + strlen(args ? args : "") + 1 + 8;
}

static int info_size(const struct boot *b, uint64_t *size, struct err *e)
{
	uint64_t n = string_size(b->kernel.name, b->append);

	*size = sizeof(struct mb_info) + 8 + sizeof("gpcvm " GPCVM_VERSION) +
		8 + b->nr_ranges * sizeof(struct mb_range) + 8 +
		b->nr_modules * sizeof(struct mb_module) + 8;
	for (unsigned int i = 0; i <= b->nr_modules; i++) {
		if (n > BOOT_MAX_CMDLINE)
			return err_range(
				e,
				"a command line of more than %d bytes, in "
				"--append or after the comma of "
				"--initrd",
				BOOT_MAX_CMDLINE);
		*size += n;
		if (i < b->nr_modules)
			n = string_size(b->modules[i].image.name,
					b->modules[i].args);
	}
	*size = align_up(*size, PAGE_SIZE);
	return 0;
}

static int info_string(struct info_block *t, const char *name, const char *args,
		       uint32_t *gpa, struct err *e)
{
	char *s = boot_cmdline(name, args);

	if (!s)
		return err_os(e, ENOMEM, "memory for a command line");
	*gpa = info_append(t, s, strlen(s) + 1);
	free(s);
	return 0;
}

/* The memory map; and mem_lower and mem_upper (section 3.3), in KiB up to the first
 * hole from 0 and from 1 MiB on. */
static void info_memory(const struct boot *b, struct info_block *t,
			struct mb_info *info)
{
	for (unsigned int i = 0; i < b->nr_ranges; i++) {
		const struct boot_range *m = &b->map[i];
		struct mb_range r = { sizeof(r) - sizeof(r.size), m->gpa,
				      m->len, m->type };
		/* Entries are packed: no rounding up. */
		memcpy(t->buf + t->len, &r, sizeof(r));
		if (!i)
			info->mmap_addr = t->gpa + t->len;
		t->len += (uint32_t)sizeof(r);
		if (m->type == BOOT_RAM && m->gpa == 0)
			info->mem_lower = (uint32_t)(m->len / KIB);
		if (m->type == BOOT_RAM && m->gpa == MIB)
			info->mem_upper = (uint32_t)(m->len / KIB);
	}
	info->mmap_length = b->nr_ranges * (uint32_t)sizeof(struct mb_range);
	t->len = (uint32_t)align_up(t->len, 8);
}

static int info_modules(const struct boot *b, const uint64_t *places,
			struct info_block *t, struct mb_info *info,
			struct err *e)
{
	struct mb_module list[CONFIG_MAX_MODULES] = { 0 };

	for (unsigned int i = 0; i < b->nr_modules; i++) {
		const struct boot_module *m = &b->modules[i];

		list[i].start = (uint32_t)places[i];
		list[i].end = (uint32_t)(places[i] + m->image.len);
		if (info_string(t, m->image.name, m->args, &list[i].string, e))
			return -1;
	}
	info->mods_count = b->nr_modules;
	info->mods_addr = info_append(t, list, b->nr_modules * sizeof(*list));
	return 0;
}

/* After the kernel, page-aligned (as flags bit 0 requires). Nearly all kernels use the
 * memory after their end, but read the list of modules first. */
static int put_modules(struct boot *b, uint64_t *places, struct err *e)
{
	uint64_t from = boot_end(b);

	for (unsigned int i = 0; i < b->nr_modules; i++) {
		const struct bytes *im = &b->modules[i].image;
		struct boot_piece p = { .size = im->len,
					.data = im->data,
					.len = im->len };

		snprintf(p.what, sizeof(p.what), "module %u", i);
		if (boot_find(b, from, 4 * GIB, im->len, p.what, &p.gpa, e) ||
		    boot_put(b, &p, e))
			return -1;
		places[i] = p.gpa;
	}
	return 0;
}

static int write_info(const struct boot *b, const uint64_t *places,
		      struct info_block *t, struct err *e)
{
	static const char name[] = "gpcvm " GPCVM_VERSION;
	struct mb_info info = { .flags = INFO_MEMORY | INFO_CMDLINE |
					 INFO_MODULES | INFO_MMAP | INFO_NAME };

	info_append(t, NULL, sizeof(info));
	info_memory(b, t, &info);
	info.name = info_append(t, name, sizeof(name));
	if (info_string(t, b->kernel.name, b->append, &info.cmdline, e) ||
	    info_modules(b, places, t, &info, e))
		return -1;
	memcpy(t->buf, &info, sizeof(info));
	return 0;
}

static int put_info(struct boot *b, const uint64_t *places, uint32_t *gpa,
		    struct err *e)
{
	static const char what[] = "the Multiboot information";
	struct info_block t = { 0 };
	uint64_t size, at;

	if (info_size(b, &size, e))
		return -1;
	/* Below 1 MiB, which no kernel uses for itself; or else above it. */
	t.buf = boot_alloc(b, what, INFO_PLACE, MIB, size, &at, e);
	if (!t.buf && e->kind == ERR_RANGE)
		t.buf = boot_alloc(b, what, MIB, 4 * GIB, size, &at, e);
	if (!t.buf)
		return -1;
	t.gpa = *gpa = (uint32_t)at;
	return write_info(b, places, &t, e);
}

static int multiboot_load(struct boot *b, struct err *e)
{
	uint64_t header = find_header(&b->kernel), entry = 0;
	uint64_t places[CONFIG_MAX_MODULES] = { 0 };
	uint32_t flags = bytes_u32(&b->kernel, header + 4), info;
	uint64_t rsdp; /* the kernel searches for it */

	if (check_flags(&b->kernel, flags, e) ||
	    multiboot_put(b, header, flags, &entry, e) ||
	    acpi_put(b, &rsdp, e) || put_modules(b, places, e) ||
	    put_info(b, places, &info, e))
		return -1;
	b->regs = (struct kvm_regs){
		.rax = BOOTED,
		.rbx = info,
		.rip = entry,
		.rflags = 2,
	};
	return 0;
}

const struct boot_loader multiboot_loader = {
	.name = "multiboot",
	.help = "a Multiboot 1 image (32-bit ELF, or with addresses in its "
		"header, magic 0x1badb002 in the first 8192 bytes)",
	.match = multiboot_match,
	.load = multiboot_load,
};
