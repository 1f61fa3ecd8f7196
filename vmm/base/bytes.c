// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/num.h"

/* Read the file rather than map it: truncating a mapped file raises SIGBUS. */
static int read_bytes(struct bytes *b, int fd, uint8_t *to, const char *what,
		      struct err *e)
{
	uint64_t got = 0;

	while (got < b->len) {
		ssize_t n = read(fd, to + got, b->len - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(e, errno, "%s %s", what, b->name);
		if (!n)
			return err_range(e,
					 "%s %s: truncated while being read: "
					 "got %" PRIu64 " of %" PRIu64 " bytes",
					 what, b->name, got, b->len);
		got += (uint64_t)n;
	}
	return 0;
}

static int read_file(struct bytes *b, int fd, const char *what, uint64_t max,
		     struct err *e)
{
	char size[24];
	struct stat st;
	uint8_t *to;

	if (fstat(fd, &st))
		return err_os(e, errno, "%s %s", what, b->name);
	if (!S_ISREG(st.st_mode))
		return err_usage(e, "%s %s: not a regular file", what, b->name);
	if (!st.st_size)
		return err_range(e, "%s %s: the file is empty", what, b->name);
	if ((uint64_t)st.st_size > max)
		return err_range(e,
				 "%s %s: %" PRIu64
				 " bytes exceed the guest's memory: "
				 "use a file of at most %s, or a larger --mem",
				 what, b->name, (uint64_t)st.st_size,
				 num_size(max, size));
	b->len = (uint64_t)st.st_size;
	to = malloc(b->len);
	b->data = to;
	if (!to)
		return err_os(e, ENOMEM, "memory for %s %s", what, b->name);
	return read_bytes(b, fd, to, what, e);
}

int bytes_read(struct bytes *b, const char *what, const char *path,
	       uint64_t max, struct err *e)
{
	/* O_NONBLOCK: opening a FIFO without a writer would block. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	*b = (struct bytes){ .name = path };
	if (fd < 0)
		return err_os(e, errno, "%s %s", what, path);
	r = read_file(b, fd, what, max, e);
	close(fd);
	if (r)
		bytes_free(b);
	return r;
}

void bytes_free(struct bytes *b)
{
	free((void *)(uintptr_t)b->data);
	b->data = NULL;
	b->len = 0;
}

const void *bytes_at(const struct bytes *b, uint64_t at, uint64_t len,
		     const char *what, struct err *e)
{
	if (at <= b->len && len <= b->len - at)
		return b->data + at;
	err_range(e,
		  "%s: truncated: %s is %" PRIu64 " bytes at offset "
		  "0x%" PRIx64 ", but the file has %" PRIu64 " bytes",
		  b->name, what, len, at, b->len);
	return NULL;
}

uint32_t bytes_u32(const struct bytes *b, uint64_t at)
{
	uint32_t v;

	memcpy(&v, b->data + at, sizeof(v));
	return v;
}
