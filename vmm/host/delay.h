/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delays that a kernel with CONFIG_KVM_GPC_TEST inserts into the race windows
 * of its caches (tests/lab/kernel, virt/kvm/gpc_test.c). They affect the whole
 * kernel, not one VM: the first process to set one owns them all until it ends,
 * and then restores the old values. This runs in the keeper, which outlives a
 * machine that is killed.
 */
#ifndef GPCVM_DELAY_H
#define GPCVM_DELAY_H

#include <stdint.h>

#include "base/err.h"

#define DELAY_DIR    "/sys/kernel/debug/kvm/test"
#define DELAY_MAX_US 1000000 /* the kernel's limit (gpc_delay_set) */

enum delay { DELAY_REFRESH, DELAY_INVALIDATE, DELAY_UNMAP, DELAYS };

struct delays {
	int dir; /* owned; or -1, see why */
	struct err why;
	int lock;		 /* owned; -1: no delay was set */
	uint32_t before[DELAYS]; /* us, to be restored */
	uint32_t hits[DELAYS];	 /* the kernel's counters when counting began */
};

/* Open @path (DELAY_DIR); needs privileges. A failure is reported on first
 * use. */
void delays_open(struct delays *d, const char *path);
/* Restore the old values. -1 and @e if that fails for one of them. */
int delays_close(struct delays *d, struct err *e);

/* Check that the kernel has delays; -1 and @e: unsupported, with the reason. */
int delays_check(const struct delays *d, struct err *e);
/* Set one delay to @us (at most DELAY_MAX_US) and restart its hit counter. -1
 * and @e: as above; state, if another process has set delays; os. */
int delays_set(struct delays *d, enum delay which, uint32_t us, struct err *e);
/* Take over delays whose old values are @us: delays_close() writes those. */
int delays_take(struct delays *d, const uint32_t us[static DELAYS],
		struct err *e);
/* Return the delay, and how often any VM has opened its window since the last
 * delays_set() of it, or since delays_open(). */
int delays_get(const struct delays *d, enum delay which, uint32_t *us,
	       uint32_t *hits, struct err *e);

/* "refresh" */
const char *delay_name(enum delay d);

#endif
