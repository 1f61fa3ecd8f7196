/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What commands and storms do to a machine: one body for both. Any thread; a
 * range has been checked (arg_pages()) and is not the guest's own
 * (machine_guard()). What KVM caches is told to pv.c.
 */
#ifndef GPCVM_OPERATE_H
#define GPCVM_OPERATE_H

#include "machine.h"

int operate_punch(struct machine *m, uint64_t gpa, uint64_t len, struct err *e);
int operate_attr(struct machine *m, uint64_t gpa, uint64_t len, bool private,
		 struct err *e);

/* -1 (unsupported) where KVM_PRE_FAULT_MEMORY is missing. */
int operate_can_prefault(struct machine *m, struct err *e);
/* In a JOB_HOST job of @v; between two parts it looks at *@give_up. */
int operate_prefault(struct machine *m, struct vcpu *v, uint64_t gpa,
		     uint64_t len, const bool *give_up, struct err *e);
/* In a JOB_AGENT job of @v, likewise: one access to each page. */
int operate_touch(struct vcpu *v, uint64_t gpa, uint64_t len, bool write,
		  const bool *give_up, uint64_t *pages, struct err *e);

int operate_slot_delete(struct machine *m, unsigned int id, struct err *e);
int operate_slot_restore(struct machine *m, unsigned int id, struct err *e);
int operate_slot_move(struct machine *m, unsigned int id, uint64_t gpa,
		      struct err *e);

#endif
