/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What commands and storms do to a machine: one body for both. Any thread; a
 * range has been checked (arg_pages()) and is not the guest's own
 * (machine_guard()).
 */
#ifndef GPCVM_OPERATE_H
#define GPCVM_OPERATE_H

#include "machine/machine.h"

/* -1 (unsupported) where KVM_PRE_FAULT_MEMORY is missing. */
int operate_can_prefault(struct machine *m, struct err *e);
/* In a JOB_HOST job of @v; between two parts it looks at *@give_up. */
int operate_prefault(struct machine *m, struct vcpu *v, uint64_t gpa,
		     uint64_t len, const _Atomic bool *give_up, struct err *e);
/* In a JOB_AGENT job of @v, likewise: one access to each page. */
int operate_touch(struct vcpu *v, uint64_t gpa, uint64_t len, bool write,
		  const _Atomic bool *give_up, uint64_t *pages, struct err *e);

#endif
