/* SPDX-License-Identifier: GPL-2.0-only */
/* The built-in guests. They share one image; the bootargs in the device tree select
 * one. */
#ifndef GPCVM_GUESTS_H
#define GPCVM_GUESTS_H

#include <stdbool.h>

#include "base/num.h"

/* The kernel of --guest linux; if missing, the kernel that runs here. */
#define GUEST_LINUX_KERNEL "/boot/gpcvm-guest"
#define GUEST_LINUX_MEM	   (256 * MIB)

struct guest_kind {
	const char *name;
	bool agent;  /* serves the operations of `guest VCPU OP` */
	bool kernel; /* Linux instead of the image: guest_linux.h */
};

const struct guest_kind *guest_find(const char *name);
bool guest_has_agent(const char *name);

#endif
