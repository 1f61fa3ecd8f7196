// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "boot/cpio.h"

#define HEAD  110 /* bytes: the magic and 13 numbers of 8 digits */
#define ALIGN 4

static void cpio_put(struct cpio *c, const void *data, size_t len)
{
	size_t want = c->len + align_up(len, ALIGN);

	if (want > c->cap && !c->failed) {
		size_t cap = want + want / 2;
		uint8_t *p = realloc(c->buf, cap);

		c->failed = !p;
		c->buf = p ?: c->buf;
		c->cap = cap;
	}
	if (c->failed)
		return;
	if (len)
		memcpy(c->buf + c->len, data, len);
	memset(c->buf + c->len + len, 0, want - c->len - len);
	c->len = want;
}

void cpio_add(struct cpio *c, const char *name, uint32_t mode, const void *data,
	      size_t len)
{
	char head[HEAD + 128];
	/* inode, mode, uid, gid, links, mtime, size, device (2), of the device
	 * (2), length of the name, checksum */
	int n = snprintf(head, sizeof(head),
			 "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x"
			 "%08zx%08x%s",
			 ++c->inodes, mode, 0, 0, 1, 0, len, 0, 0, 0, 0,
			 strlen(name) + 1, 0, name);

	if (n < 0 || (size_t)n >= sizeof(head)) {
		c->failed = true;
		return;
	}
	cpio_put(c, head, (size_t)n + 1);
	cpio_put(c, data, len);
}

int cpio_finish(struct cpio *c)
{
	cpio_add(c, "TRAILER!!!", 0, NULL, 0);
	if (!c->failed)
		return 0;
	free(c->buf);
	c->buf = NULL;
	return -1;
}
