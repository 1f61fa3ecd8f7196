/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations on a machine that commands and storms share. Any thread. The
 * caller has checked the range: arg_pages(), and machine_guard() to protect the
 * guest's own memory.
 */
#ifndef GPCVM_OPERATE_H
#define GPCVM_OPERATE_H

#include "machine/machine.h"

/* Fail (unsupported) without KVM_PRE_FAULT_MEMORY. */
int operate_can_prefault(struct machine *m, struct err *e);
/* Run in a JOB_HOST job of @v. Cancelled between two parts by *@cancel. */
int operate_prefault(struct machine *m, struct vcpu *v, uint64_t gpa,
		     uint64_t len, const _Atomic bool *cancel, struct err *e);
/* Access each page once, in a JOB_AGENT job of @v. Cancelled in the same way. */
int operate_touch(struct vcpu *v, uint64_t gpa, uint64_t len, bool write,
		  const _Atomic bool *cancel, uint64_t *pages, struct err *e);

#endif
