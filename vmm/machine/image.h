/* SPDX-License-Identifier: GPL-2.0-only */
/* The image of the built-in guests, and of the loader for all guests. */
#ifndef GPCVM_IMAGE_H
#define GPCVM_IMAGE_H

#include "boot/elf_image.h"
#include "memory/memory.h"

struct image {
	struct bytes bytes; /* embedded in gpcvm */
	struct elf elf;	    /* of them: struct image must not move */
	uint64_t end; /* first byte after it, bss included, from gpa 0 on */
};

int image_open(struct image *im, struct err *e);
/* Put the guest, without the loader. */
int image_put(const struct image *im, struct boot *b, struct err *e);
/* Write the loader, which begins at LOADER_BASE, into the window. */
int image_load_loader(const struct image *im, struct memory *mem,
		      struct err *e);

#endif
