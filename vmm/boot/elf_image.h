/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads ELF files for x86, of 32 or 64 bits. Nothing in them is trusted. */
#ifndef GPCVM_ELF_IMAGE_H
#define GPCVM_ELF_IMAGE_H

#include <elf.h>

#include "boot/boot.h"

struct elf {
	const struct bytes *image;
	int bits;
	Elf64_Ehdr h; /* for a 32-bit file, only the fields used here */
};

struct elf_note {
	const void *data; /* in the image */
	uint64_t len;
};

/* 32, 64, or 0 if @image is not an ELF file. */
int elf_bits(const struct bytes *image);
/* Read and check the header of @image, which must have @bits. @image stays the
 * caller's, and must outlive @f. */
int elf_open(struct elf *f, const struct bytes *image, int bits, struct err *e);
/* Program header @i, below f->h.e_phnum, in the 64-bit form. */
int elf_segment(const struct elf *f, unsigned int i, Elf64_Phdr *s,
		struct err *e);
/* Put the PT_LOAD segments from program header @first on to their physical
 * addresses. */
int elf_put(struct boot *b, const struct elf *f, unsigned int first,
	    struct err *e);
/* Find the first note of @name and @type in a 64-bit file's PT_NOTE segments.
 * Returns 1 if found, 0 if not, -1 if the notes cannot be read. */
int elf_find_note(const struct elf *f, const char *name, uint32_t type,
		  struct elf_note *note, struct err *e);

#endif
