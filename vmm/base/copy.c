// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <unistd.h>

#include "base/copy.h"

int host_copy(void *dst, const void *src, size_t n)
{
	int fds[2], err = 0;
	ssize_t got;

	if (pipe(fds) < 0)
		return -errno;
	got = write(fds[1], src, n);
	if (got == (ssize_t)n)
		got = read(fds[0], dst, n);
	if (got != (ssize_t)n)
		err = got < 0 ? -errno : -EFAULT;
	close(fds[0]);
	close(fds[1]);
	return err;
}
