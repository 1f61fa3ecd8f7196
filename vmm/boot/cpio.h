/* SPDX-License-Identifier: GPL-2.0-only */
/* An initramfs, made in memory: "newc" of the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst. */
#ifndef GPCVM_CPIO_H
#define GPCVM_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpio {
	uint8_t *buf; /* owned by whoever takes it; free() */
	size_t len, cap;
	uint32_t inodes;
	bool failed; /* no memory: all that follows does nothing */
};

/* A file, or with @mode's S_IFDIR or S_IFLNK a directory or a link (to @data).
 * Parents come first. */
void cpio_add(struct cpio *c, const char *name, uint32_t mode, const void *data,
	      size_t len);
/* The end; -1 where there was no memory, and then nothing is left to free. */
int cpio_finish(struct cpio *c);

#endif
