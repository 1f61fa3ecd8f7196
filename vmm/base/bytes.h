/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file that a guest is loaded from. Nobody vouches for what is in it: every
 * offset and length that comes out of it goes through bytes_at().
 */
#ifndef GPCVM_BYTES_H
#define GPCVM_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct bytes {
	const char *name; /* for messages; not owned */
	const uint8_t *data;
	uint64_t len;
};

/* All of the file @path, which is regular and of at most @max bytes, into
 * memory that bytes_free() gives back. @what: "--kernel", for messages. */
int bytes_read(struct bytes *b, const char *what, const char *path,
	       uint64_t max, struct err *e);
void bytes_free(struct bytes *b);

/*
 * The one place where an image is looked into: @len bytes at offset @at, or
 * NULL and a range error that names @what, e.g. "segment 2". What it returns
 * need not be aligned.
 */
const void *bytes_at(const struct bytes *b, uint64_t at, uint64_t len,
		     const char *what, struct err *e);
/* The little-endian 32-bit word at @at, which lies inside. */
uint32_t bytes_u32(const struct bytes *b, uint64_t at);

#endif
