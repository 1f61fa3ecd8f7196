/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files of the probe: a row is one function and one table line. */
#ifndef GPCVM_PROBE_ROW_H
#define GPCVM_PROBE_ROW_H

#include <stddef.h>
#include <stdio.h>

#include <linux/kvm.h>

#include "host.h"
#include "probe.h"

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

/*
 * A throw-away VM with a little memory at gpa 0. Each function returns -1 and
 * the reason, and leaves what is there to probe_vm_close(), which takes any
 * state that begins with PROBE_VM_NONE.
 */
#define PROBE_VM_PAGES 4

struct probe_vm {
	int vm, vcpu, gmem;
	void *mem; /* PROBE_VM_PAGES pages, the slot's userspace_addr */
	struct kvm_run *run;
	size_t run_len;
};

#define PROBE_VM_NONE                                                          \
	(struct probe_vm)                                                      \
	{                                                                      \
		.vm = -1, .vcpu = -1, .gmem = -1, .mem = NULL, .run = NULL     \
	}

int probe_vm_create(struct probe_vm *v, int kvm, unsigned long type,
		    struct err *e);
/* Anonymous memory. */
int probe_vm_anon(struct probe_vm *v, struct err *e);
/* Memory from a gmem file with @flags; where @mapped the file itself is the
 * userspace_addr, else anonymous memory. */
int probe_vm_gmem(struct probe_vm *v, uint64_t flags, bool mapped,
		  struct err *e);
/* Make the first @size bytes private. */
int probe_vm_private(struct probe_vm *v, uint64_t size, struct err *e);
/* A vCPU with the CPUID that KVM supports. */
int probe_vm_vcpu(struct probe_vm *v, int kvm, struct err *e);
/* Put a HLT at gpa 0 and run the vCPU into it. */
int probe_vm_hlt(struct probe_vm *v, struct err *e);
/* What the guest reads in 16 bits at @gpa. */
int probe_vm_read(struct probe_vm *v, uint16_t gpa, uint16_t *out,
		  struct err *e);
void probe_vm_close(struct probe_vm *v);

#endif
