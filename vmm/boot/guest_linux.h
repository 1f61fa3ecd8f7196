/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --guest linux: the user's kernel, with an initramfs of busybox and gpcvm's agent
 * (guest/linux).
 */
#ifndef GPCVM_GUEST_LINUX_H
#define GPCVM_GUEST_LINUX_H

#include "boot/boot.h"
#include "config/guests.h"

/* Is its kernel left to gpcvm to find? */
bool guest_linux_default(const struct config *cfg);
/* Write the path of the kernel for @cfg to @buf; fails as unsupported without one. */
int guest_linux_kernel(const struct config *cfg, char *buf, size_t len,
		       struct err *e);
/* Build the initramfs; free it with bytes_free(). */
int guest_linux_initrd(struct bytes *out, struct err *e);
/* The command line: our words, then @append; malloc(). NULL: out of memory. */
char *guest_linux_append(const char *append);
/* Are the files there that --guest linux needs? If not, the reason is in @why. */
bool guest_linux_there(char *why, size_t len);

#endif
