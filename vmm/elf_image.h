/* SPDX-License-Identifier: GPL-2.0-only */
/* Segments of an ELF file for x86, 32-bit or 64-bit, of hostile origin. */
#ifndef GPCVM_ELF_IMAGE_H
#define GPCVM_ELF_IMAGE_H

#include <stdbool.h>

#include "boot.h"

/* 32, 64, or 0: not ELF. */
int elf_bits(const struct bytes *image);
/* Put what is to be loaded (PT_LOAD) to its physical addresses; *entry is the
 * file's, in one of them. @bits: what it has to be. */
int elf_put(struct boot *b, int bits, uint64_t *entry, struct err *e);

#endif
