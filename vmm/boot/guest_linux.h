/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --guest linux: a kernel of the user's, and an initramfs that is made here of
 * busybox and the agent that gpcvm carries (guest/linux).
 */
#ifndef GPCVM_GUEST_LINUX_H
#define GPCVM_GUEST_LINUX_H

#include "boot/boot.h"
#include "config/guests.h"

/* Is its kernel the one that is looked for? */
bool guest_linux_default(const struct config *cfg);
/* The path of the kernel for @cfg into @buf; unsupported: there is none. */
int guest_linux_kernel(const struct config *cfg, char *buf, size_t len,
		       struct err *e);
/* The initramfs, in memory that bytes_free() gives back. */
int guest_linux_initrd(struct bytes *out, struct err *e);
/* The command line: ours, then @append; malloc(), NULL: no memory. */
char *guest_linux_append(const char *append);
/* Could --guest linux boot here, of all that can be told from files? */
bool guest_linux_there(char *why, size_t len);

#endif
