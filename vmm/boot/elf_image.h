/* SPDX-License-Identifier: GPL-2.0-only */
/* Segments of an ELF file for x86, 32-bit or 64-bit, of hostile origin. */
#ifndef GPCVM_ELF_IMAGE_H
#define GPCVM_ELF_IMAGE_H

#include <stdbool.h>

#include "boot/boot.h"

/* 32, 64, or 0: not ELF. */
int elf_bits(const struct bytes *image);
/* Put what is to be loaded (PT_LOAD) to its physical addresses; *entry is the
 * file's, in one of them. @bits: what it has to be. */
int elf_put(struct boot *b, int bits, uint64_t *entry, struct err *e);
/* The same whatever the file's entry is. */
int elf_put_segments(struct boot *b, int bits, struct err *e);

struct elf_note {
	const void *data; /* in the image */
	uint64_t len;
};

/* The first note of @name and @type in a 64-bit file's PT_NOTE segments. 1: it
 * is there, 0: it is not, -1: they cannot be read. */
int elf_find_note(const struct bytes *image, const char *name, uint32_t type,
		  struct elf_note *note, struct err *e);

#endif
