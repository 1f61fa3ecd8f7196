/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the probe's files. A row is a function and a line of a table. */
#ifndef GPCVM_PROBE_ROW_H
#define GPCVM_PROBE_ROW_H

#include <stddef.h>
#include <stdio.h>

#include <linux/kvm.h>

#include "kvm/gmem_family.h"
#include "probe/probe.h"

struct probe_ctx {
	int kvm; /* -1: could not be opened */
	const char *dev;
	const struct err *why; /* ... for this reason */
	struct gmem_offer offer;
};

struct probe_def {
	const char *name;
	bool needs_kvm; /* without KVM the row is unknown */
	void (*fill)(const struct probe_ctx *c, struct probe_row *r);
};

struct probe_group {
	const char *title;
	const struct probe_def *defs;
	unsigned int nr;
};

extern const struct probe_group probe_kernel, probe_gmem, probe_modes, probe_pv,
	probe_watch;

/* Return the groups in the order of the table; NULL after the last. */
const struct probe_group *probe_group(unsigned int i);
const struct probe_row *probe_find(const struct probe *p, const char *name);
/* Return the strongest mode that could be set up, which
 * --memory auto takes; NULL: none. */
const char *probe_best_mode(const struct probe *p);
/* Print the table. @e: the error of probe_run(), or NULL. */
void probe_print(FILE *f, const struct probe *p, const struct err *e);

/* Ends a detail, followed by the name of the row with the reason. */
#define SEE_ROW "see the row "

/* Set a row's state and result, its use, and the reason of a NO or UNKNOWN. */
void row_set(struct probe_row *r, enum probe_state state, bool tried,
	     const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void row_use(struct probe_row *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void row_why(struct probe_row *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Map a trial's errno to a state: NO, or UNKNOWN if this process ran out of a
 * resource, which says nothing about the kernel. */
enum probe_state row_state(int os_errno);
/* Is @os_errno other than those that mean "no such feature"? */
bool row_in_doubt(int os_errno);
/* Set a row's state from the error of a trial. */
void row_fail(struct probe_row *r, const struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Append to the string @buf, truncating at @size. */
void row_add(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
