/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An image file that a guest is loaded from. Its content is untrusted: read
 * every offset and length in it through bytes_at().
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

/* Read all of @path into memory; free it with bytes_free(). The file must be
 * regular and at most @max bytes long. @what names the option in messages, e.g.
 * "--kernel". */
int bytes_read(struct bytes *b, const char *what, const char *path,
	       uint64_t max, struct err *e);
void bytes_free(struct bytes *b);

/*
 * Return a pointer to @len bytes at offset @at, or NULL and a range error that
 * names @what, e.g. "segment 2". Every access to an image goes through here.
 * The pointer may be unaligned.
 */
const void *bytes_at(const struct bytes *b, uint64_t at, uint64_t len,
		     const char *what, struct err *e);
/* Return the little-endian 32-bit word at @at, which must lie inside the
 * image. */
uint32_t bytes_u32(const struct bytes *b, uint64_t at);

#endif
