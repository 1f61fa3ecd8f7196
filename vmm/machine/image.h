/* SPDX-License-Identifier: GPL-2.0-only */
/* The built-in guests' image, and its way into guest memory. */
#ifndef GPCVM_IMAGE_H
#define GPCVM_IMAGE_H

#include "machine/layout.h"
#include "memory/memory.h"

struct image {
	const uint8_t *elf;
	size_t len;
	uint32_t entry;
	uint64_t end; /* first byte after the image (bss included), from 0 */
};

/* The embedded ELF file, checked. */
int image_open(struct image *im, struct err *e);
/*
 * Put image and device tree into memory. @start becomes the address at which
 * vCPU 0 begins. With @bounce the host writes only the window, and vCPU 0
 * begins in the loader, which copies the rest into place; *list is then the
 * address of its copy list.
 */
int image_load(const struct image *im, struct memory *mem,
	       const struct layout *l, const void *fdt, size_t fdt_len,
	       bool bounce, uint32_t *start, uint32_t *list, struct err *e);

/* Only the loader, which begins at LOADER_BASE, into the window. */
int image_load_loader(const struct image *im, struct memory *mem,
		      struct err *e);

#endif
