/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The delays that a kernel with CONFIG_KVM_GPC_TEST can make in the windows for
 * races of its caches (tests/lab/kernel, virt/kvm/gpc_test.c). They are the
 * kernel's, not a VM's: who sets one has them all until its end, and then they
 * are what they were before. In the keeper, which outlives a machine that is killed.
 */
#ifndef GPCVM_DELAY_H
#define GPCVM_DELAY_H

#include <stdint.h>

#include "base/err.h"

#define DELAY_DIR    "/sys/kernel/debug/kvm/test"
#define DELAY_MAX_US 1000000 /* what the kernel takes (gpc_delay_set) */

enum delay { DELAY_REFRESH, DELAY_INVALIDATE, DELAY_UNMAP, DELAYS };

struct delays {
	int dir; /* owned; -1: why says it */
	struct err why;
	int lock;		 /* owned; -1: nothing has been set */
	uint32_t before[DELAYS]; /* in us, what was there then */
	uint32_t hits[DELAYS];	 /* of the kernel's, when counting began */
};

/* Open @path (DELAY_DIR), while there are rights for it. That it cannot be is
 * told by who uses it. */
void delays_open(struct delays *d, const char *path);
/* Put back what was there before. -1 and @e: one could not be. */
int delays_close(struct delays *d, struct err *e);

/* -1 and @e: unsupported, with the reason. */
int delays_check(const struct delays *d, struct err *e);
/* Make one last @us (at most DELAY_MAX_US), and count its hits from now on. -1
 * and @e: as above; state, if another process has set some; os. */
int delays_set(struct delays *d, enum delay which, uint32_t us, struct err *e);
/* Own the delays as if they had been @us before: delays_close() writes them. */
int delays_take(struct delays *d, const uint32_t us[static DELAYS],
		struct err *e);
/* How long it lasts, and how often its window was opened, by any VM, since the
 * last delays_set() of it, or delays_open(). */
int delays_get(const struct delays *d, enum delay which, uint32_t *us,
	       uint32_t *hits, struct err *e);

/* "refresh" */
const char *delay_name(enum delay d);

#endif
