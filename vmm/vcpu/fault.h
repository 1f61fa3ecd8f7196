/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decides how to handle KVM_EXIT_MEMORY_FAULT: an access of the guest for which KVM
 * has no page (Documentation/virt/kvm/api.rst). machine_fault.c does it.
 */
#ifndef GPCVM_FAULT_H
#define GPCVM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "config/choices.h"

enum fault_action {
	FAULT_AGAIN,  /* enter the guest again: it may have been a race */
	FAULT_SET,    /* set the attribute, then enter the guest again */
	FAULT_INJECT, /* inject an exception */
	FAULT_END,
};

/* So many equal faults without a change of memory are not a race. */
#define FAULT_TRIES	4
/* Nor are so many, whatever changes. */
#define FAULT_TRIES_MAX 1000
/* After so many exceptions without another exit, the guest's handler faults as well. */
#define FAULT_ROW	64

struct fault {
	uint64_t gpa;
	bool private; /* the kind of access */
	int os_errno; /* KVM_RUN's: EFAULT or EHWPOISON */
};

/* Faults of a vCPU in a row, without another exit in between. */
struct fault_row {
	struct fault last;
	uint64_t changes;   /* of memory, at the last fault */
	unsigned int tries; /* of the last fault */
	unsigned int taken; /* exceptions */
	bool any, set;
};

/*
 * Decide about @f. @changes counts the changes of slots, attributes and files, which
 * may race with an access. @can_set: this machine has attributes.
 */
enum fault_action fault_decide(struct fault_row *row, enum fault_policy policy,
			       const struct fault *f, uint64_t changes,
			       bool can_set);
/* The vCPU has exited for another reason: the row ends. */
void fault_progress(struct fault_row *row);

#endif
