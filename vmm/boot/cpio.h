/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes an initramfs in memory: "newc" of the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst. */
#ifndef GPCVM_CPIO_H
#define GPCVM_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpio {
	uint8_t *buf; /* the caller frees it, after cpio_finish() */
	size_t len, cap;
	uint32_t inodes;
	bool failed; /* out of memory: later calls do nothing */
};

/* Add a file, or by @mode a directory (S_IFDIR) or a link to @data (S_IFLNK). Add
 * parents first. */
void cpio_add(struct cpio *c, const char *name, uint32_t mode, const void *data,
	      size_t len);
/* Finish the archive. -1: out of memory, and nothing is left to free. */
int cpio_finish(struct cpio *c);

#endif
