/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest on its way into memory: --kernel, --initrd, --append, or a built-in guest.
 * A loader reads the image, and lists the pieces of guest memory and the registers
 * with which vCPU 0 starts. Guest memory is written only after all pieces are known
 * to fit, in a way that depends on the memory mode: machine/machine_boot.c.
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
#define BOOT_MAX_CMDLINE 4096 /* NUL included */

/* Types of memory in a PC's map (E820). */
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
	uint32_t type; /* of the memory it needs; 0: RAM */
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
	const char *args; /* after the file's name, or NULL; not owned */
};

/* Page tables and a GDT: two unused descriptors, then that of CS, then that of the
 * other segments. */
struct boot_long {
	uint64_t cr3, gdt;
};

#define BOOT_GDT_ENTRIES 4

struct boot {
	/* Filled before the loader runs. */
	struct bytes kernel;
	struct boot_module modules[CONFIG_MAX_MODULES + 1]; /* ours first */
	unsigned int nr_modules;
	const char *append; /* "" */
	char *own_append; /* append, if it was composed; outlives boot_free() */
	char path[320];	  /* of the kernel; kernel.name */
	struct boot_range map[BOOT_MAX_RANGES];
	unsigned int nr_ranges;
	struct boot_range window; /* must stay free; len 0: none */
	unsigned int vcpus;
	/* Builds the machine's device tree (malloc()), after @initrd is set. */
	void *(*tree)(void *arg, size_t *len, struct err *e);
	void *tree_arg;

	/* Filled by the loader. */
	const struct boot_loader *loader;
	struct boot_piece pieces[BOOT_MAX_PIECES];
	unsigned int nr_pieces;
	struct boot_range initrd; /* of Linux; len 0: none */
	struct kvm_regs regs; /* for 32-bit protected mode, flat, paging off */
	struct boot_long lm;  /* if cr3 is not 0, for 64-bit mode instead */
};

struct boot_loader {
	const char *name;
	const char *help; /* formats that it accepts, for messages */
	/* Does it accept this image? Called in the order of the table. */
	bool (*match)(const struct boot *b);
	int (*load)(struct boot *b, struct err *e);
};

extern const struct boot_loader linux_loader;
extern const struct boot_loader multiboot_loader;
extern const struct boot_loader pvh_loader;

/* Make a PC's map: RAM from gpa 0 up to @low, and @high bytes from 4 GiB on. */
void boot_make_map(struct boot *b, uint64_t low, uint64_t high);
/* Read the files of @cfg into memory, without parsing them: that comes after
 * privileges are dropped. Needs the map. Call boot_free() even if it fails. */
int boot_read(struct boot *b, const struct config *cfg, struct err *e);
/* Find the loader and run it. Needs the map, the window and the files. */
int boot_parse(struct boot *b, struct err *e);
void boot_free(struct boot *b);

/*
 * For loaders. Add a piece. It must lie in memory of its type and not overlap
 * another; the error names the other one. The boot takes over @owned, even if this
 * fails.
 */
int boot_put(struct boot *b, const struct boot_piece *p, struct err *e);
/* Find the lowest free place for @size bytes from @from on, below @below: its gpa,
 * page-aligned, in *gpa. */
int boot_find(const struct boot *b, uint64_t from, uint64_t below,
	      uint64_t size, const char *what, uint64_t *gpa, struct err *e);
/* Put @size zeroed bytes at the lowest free place from @from on, below @below,
 * and return them to be filled; their gpa in *gpa. The boot owns them. */
void *boot_alloc(struct boot *b, const char *what, uint64_t from,
		 uint64_t below, uint64_t size, uint64_t *gpa, struct err *e);
/* For Linux: put the files of --initrd one after the other, from @from on, below
 * @below. Sets b->initrd. */
int boot_put_initrd(struct boot *b, uint64_t from, uint64_t below,
		    struct err *e);
/* For Linux: put --append, of at most @max bytes without its NUL. */
int boot_put_append(struct boot *b, uint64_t max, uint64_t *gpa, struct err *e);
/* Is @gpa in a piece that was put so far? */
bool boot_covers(const struct boot *b, uint64_t gpa);
/* The end of the last piece that was put so far, at least 1 MiB. */
uint64_t boot_end(const struct boot *b);
/* "NAME ARGS", as boot loaders of PCs pass it to a kernel; malloc(). */
char *boot_cmdline(const char *name, const char *args);

#endif
