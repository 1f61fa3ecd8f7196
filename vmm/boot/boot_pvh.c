// SPDX-License-Identifier: GPL-2.0-only
/*
 * An uncompressed kernel with a PVH note: a 64-bit ELF file such as Linux's vmlinux
 * with CONFIG_PVH. It starts in 32-bit protected mode at the address in the note, and
 * EBX points to the start information (Xen: xen/include/public/arch-x86/hvm/
 * start_info.h, docs/misc/pvh.pandoc).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "boot/acpi.h"
#include "boot/elf_image.h"

#define NOTE_NAME     "Xen"
#define NOTE_PHYS32   18 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define START_MAGIC   0x336ec578
#define START_VERSION 1 /* the version with a memory map */
#define LOW	      0x1000

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp;
	uint64_t memmap;
	uint32_t memmap_entries, reserved;
};

struct start_module {
	uint64_t gpa, len, cmdline, reserved;
};

struct start_range {
	uint64_t gpa, len;
	uint32_t type, reserved;
};

/* The start information and its lists, in one piece. */
struct start_block {
	struct start_info info;
	struct start_module module;
	struct start_range map[BOOT_MAX_RANGES];
};

static bool pvh_match(const struct boot *b)
{
	return elf_bits(&b->kernel) == 64;
}

static int find_entry(const struct elf *f, uint64_t *entry, struct err *e)
{
	struct elf_note n;
	int r = elf_find_note(f, NOTE_NAME, NOTE_PHYS32, &n, e);

	if (r < 0)
		return -1;
	if (!r)
		return err_unsupported(e,
				       "%s: a 64-bit ELF file without a PVH "
				       "note (XEN_ELFNOTE_PHYS32_ENTRY): build "
				       "Linux with CONFIG_PVH, or boot its "
				       "bzImage",
				       f->image->name);
	if (n.len != 4 && n.len != 8)
		return err_range(e,
				 "%s: a PVH note of %" PRIu64
				 " bytes; expected 4 or 8",
				 f->image->name, n.len);
	*entry = 0;
	memcpy(entry, n.data, n.len);
	return 0;
}

static int pvh_put(struct boot *b, uint64_t *entry, struct err *e)
{
	struct elf f;

	if (elf_open(&f, &b->kernel, 64, e) || find_entry(&f, entry, e) ||
	    elf_put(b, &f, 0, e))
		return -1;
	if (*entry > UINT32_MAX || !boot_covers(b, *entry))
		return err_range(e,
				 "%s: the entry of its PVH note, 0x%" PRIx64
				 ", is in no segment",
				 b->kernel.name, *entry);
	return 0;
}

static int put_start_info(struct boot *b, uint64_t *gpa, struct err *e)
{
	uint64_t cmdline, rsdp;
	struct start_block *t;

	if (boot_put_append(b, BOOT_MAX_CMDLINE - 1, &cmdline, e) ||
	    acpi_put(b, &rsdp, e))
		return -1;
	t = boot_alloc(b, "the start information", LOW, 4 * GIB, sizeof(*t),
		       gpa, e);
	if (!t)
		return -1;
	t->info = (struct start_info){
		.magic = START_MAGIC,
		.version = START_VERSION,
		.cmdline = cmdline,
		.rsdp = rsdp,
		.memmap = *gpa + offsetof(struct start_block, map),
		.memmap_entries = b->nr_ranges,
	};
	if (b->initrd.len) {
		t->info.nr_modules = 1;
		t->info.modlist = *gpa + offsetof(struct start_block, module);
		t->module.gpa = b->initrd.gpa;
		t->module.len = b->initrd.len;
	}
	for (unsigned int i = 0; i < b->nr_ranges; i++)
		t->map[i] = (struct start_range){ b->map[i].gpa, b->map[i].len,
						  b->map[i].type, 0 };
	return 0;
}

static int pvh_load(struct boot *b, struct err *e)
{
	uint64_t entry, info;

	if (pvh_put(b, &entry, e) ||
	    boot_put_initrd(b, boot_end(b), 4 * GIB, e) ||
	    put_start_info(b, &info, e))
		return -1;
	b->regs = (struct kvm_regs){
		.rbx = info,
		.rip = entry,
		.rflags = 2,
	};
	return 0;
}

const struct boot_loader pvh_loader = {
	.name = "pvh",
	.help = "a 64-bit ELF file with a PVH note (Linux's vmlinux with "
		"CONFIG_PVH)",
	.match = pvh_match,
	.load = pvh_load,
};
