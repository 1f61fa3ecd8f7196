/* SPDX-License-Identifier: GPL-2.0-only */
/* The built-in guests. They are one image; the device tree's bootargs choose. */
#ifndef GPCVM_GUESTS_H
#define GPCVM_GUESTS_H

#include <stdbool.h>

#include "base/num.h"

/* Where its kernel is looked for first; then that which runs here. */
#define GUEST_LINUX_KERNEL "/boot/gpcvm-guest"
#define GUEST_LINUX_MEM	   (256 * MIB)

struct guest_kind {
	const char *name;
	const char *help;
	bool agent;  /* serves the operations of `guest VCPU OP` */
	bool kernel; /* none of the image, but Linux: guest_linux.h */
};

extern const struct guest_kind guest_kinds[];
extern const unsigned int guest_kinds_nr;

const struct guest_kind *guest_find(const char *name);
bool guest_has_agent(const char *name);

#endif
