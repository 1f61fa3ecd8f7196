/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_COPY_H
#define GPCVM_COPY_H

#include <stddef.h>

/* Copy up to one page through a pipe, so that unreachable memory gives -EFAULT
 * instead of a SIGBUS. Returns 0 or -errno. */
int host_copy(void *dst, const void *src, size_t n);

#endif
