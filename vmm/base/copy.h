/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_COPY_H
#define GPCVM_COPY_H

#include <stddef.h>

/* Copy through a pipe, so that memory that cannot be reached is -EFAULT and
 * no SIGBUS. Up to one page; 0 or -errno. */
int host_copy(void *dst, const void *src, size_t n);

#endif
