/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests from files: --kernel, --initrd, --append. A loader looks at the
 * image and says what is to be where in guest memory, and with which registers
 * vCPU 0 begins; nothing of the guest is touched before all of it is known to
 * fit. How it gets there depends on the memory mode: boot_load().
 *
 * A new loader is one file with a struct boot_loader, and one row in
 * boot_loaders[] (load.c).
 */
#ifndef GPCVM_BOOT_H
#define GPCVM_BOOT_H

#include <linux/kvm.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/num.h"
#include "config/config.h"

#define BOOT_MAX_PIECES	 64
#define BOOT_MAX_RANGES	 8
#define BOOT_MAX_CMDLINE 4096 /* with its zero */

/* The kinds of memory of the PC's map (E820). */
enum { BOOT_RAM = 1, BOOT_RESERVED = 2 };

/* The BIOS of a PC, up to 1 MiB: reserved. */
#define BOOT_BIOS 0xf0000

struct boot_range {
	uint64_t gpa, len;
	uint32_t type;
};

/* @size bytes at @gpa: @len from @data, then zeros. */
struct boot_piece {
	uint64_t gpa, size;
	uint32_t type; /* of the memory that it is for; 0: RAM */
	bool image;    /* from the kernel's own file */
	bool unpacks;  /* unpacks itself: the kernel writes all of it first */
	const uint8_t *data;
	uint64_t len;
	char what[32]; /* "segment 2", for messages */
	void *owned;   /* freed with it */
};

struct boot_module {
	struct bytes image;
	char *path;	  /* owned; image.name */
	const char *args; /* what follows the file's name, or NULL; not owned */
};

/* Page tables, and a GDT whose first two descriptors are not used, then one for
 * CS and one for the others. */
struct boot_long {
	uint64_t cr3, gdt;
};

#define BOOT_GDT_ENTRIES 4

struct boot {
	/* Filled before the loader looks. */
	struct bytes kernel;
	struct boot_module modules[CONFIG_MAX_MODULES + 1]; /* ours first */
	unsigned int nr_modules;
	const char *append; /* "" */
	char *own_append; /* append, where that is made here; outlives boot_free() */
	char path[320]; /* of the kernel; kernel.name */
	struct boot_range map[BOOT_MAX_RANGES];
	unsigned int nr_ranges;
	struct boot_range window; /* where nothing may lie; len 0: none */
	unsigned int vcpus;
	/* Makes the machine's device tree, malloc(), once @initrd is known. */
	void *(*tree)(void *arg, size_t *len, struct err *e);
	void *tree_arg;

	/* What the loader answers. */
	const struct boot_loader *loader;
	struct boot_piece pieces[BOOT_MAX_PIECES];
	unsigned int nr_pieces;
	struct boot_range initrd; /* of Linux; len 0: none */
	struct kvm_regs regs; /* in 32-bit protected mode, flat, paging off */
	struct boot_long lm;  /* cr3 not 0: in 64-bit mode instead */
};

struct boot_loader {
	const char *name;
	const char *help; /* what it takes, for who brings something else */
	/* Is this image for it? Asked in the order of the table. */
	bool (*match)(const struct boot *b);
	int (*load)(struct boot *b, struct err *e);
};

extern const struct boot_loader linux_loader;
extern const struct boot_loader multiboot_loader;
extern const struct boot_loader pvh_loader;

/* RAM from gpa 0 up to @low and from 4 GiB on, @high bytes, as a PC has it. */
void boot_make_map(struct boot *b, uint64_t low, uint64_t high);
/* Read the files of @cfg, into memory and no further: who opens them may have
 * rights that who looks into them should not. The map is there. boot_free() in
 * any case. */
int boot_read(struct boot *b, const struct config *cfg, struct err *e);
/* Find the loader, have it look. The map, the window and the files are there. */
int boot_parse(struct boot *b, struct err *e);
void boot_free(struct boot *b);

/*
 * For loaders. A piece at its place: in RAM, clear of the others, or an error
 * that says what is in the way. @owned is freed with the boot, and at once where
 * that fails.
 */
int boot_put(struct boot *b, const struct boot_piece *p, struct err *e);
/* The lowest free place for @size bytes from @from on, below @below: its gpa in
 * *gpa. Multiples of the page size. */
int boot_find(const struct boot *b, uint64_t from, uint64_t below,
	      uint64_t size, const char *what, uint64_t *gpa, struct err *e);
/* Put @size zeroed bytes at the lowest free place from @from on, below @below,
 * and return them to be filled; their gpa in *gpa. The boot owns them. */
void *boot_alloc(struct boot *b, const char *what, uint64_t from,
		 uint64_t below, uint64_t size, uint64_t *gpa, struct err *e);
/* For Linux: what --initrd names, one behind the other, from @from on; at most
 * up to @below. It is b->initrd then. */
int boot_put_initrd(struct boot *b, uint64_t from, uint64_t below,
		    struct err *e);
/* For Linux: --append, of at most @max bytes without the zero. */
int boot_put_append(struct boot *b, uint64_t max, uint64_t *gpa, struct err *e);
/* Is @gpa in a piece that was put so far? */
bool boot_covers(const struct boot *b, uint64_t gpa);
/* The end of the last piece that was put so far, at least 1 MiB. */
uint64_t boot_end(const struct boot *b);
/* "KERNEL APPEND": what the boot loaders of PCs give a kernel; malloc(). */
char *boot_cmdline(const char *name, const char *args);

#endif
