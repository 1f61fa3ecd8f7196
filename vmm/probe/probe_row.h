/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files of the probe: a row is one function and one table line. */
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
	bool needs_kvm; /* without KVM the row is unknown and not filled */
	void (*fill)(const struct probe_ctx *c, struct probe_row *r);
};

struct probe_group {
	const char *title;
	const struct probe_def *defs;
	unsigned int nr;
};

extern const struct probe_group probe_kernel, probe_gmem, probe_modes, probe_pv,
	probe_watch;

/* The groups in the order of the table; NULL after the last. */
const struct probe_group *probe_group(unsigned int i);
const struct probe_row *probe_find(const struct probe *p, const char *name);
/* What --memory auto takes: the first mode that was set up; NULL: none. */
const char *probe_best_mode(const struct probe *p);
/* The table for people; @e is probe_run()'s error, or NULL. */
void probe_print(FILE *f, const struct probe *p, const struct err *e);

/* At the end of a detail, before the name of the row that has the reason. */
#define SEE_ROW "see the row "

/* Fill a row: the state and what was seen, what it is for, why it is not. */
void row_set(struct probe_row *r, enum probe_state state, bool tried,
	     const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void row_use(struct probe_row *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void row_why(struct probe_row *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The state that a trial's errno tells: NO, or UNKNOWN where this process ran
 * out of something, which says nothing about the kernel. */
enum probe_state row_state(int os_errno);
/* Is @os_errno not how a kernel says that it has no such thing? */
bool row_in_doubt(int os_errno);
/* A trial failed with @e. */
void row_fail(struct probe_row *r, const struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Append to @buf, a string; what does not fit is cut off. */
void row_add(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
