/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What follows from KVM_EXIT_MEMORY_FAULT: an access of the guest for which
 * KVM has no page (Documentation/virt/kvm/api.rst). Decided here, from what was
 * seen; done in machine_fault.c.
 */
#ifndef GPCVM_FAULT_H
#define GPCVM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "config/choices.h"

enum fault_action {
	FAULT_AGAIN,  /* enter the guest again: it may have been a race */
	FAULT_SET,    /* set the attribute, then enter the guest again */
	FAULT_INJECT, /* the guest takes an exception */
	FAULT_END,
};

/* The same fault so often, and nothing changed meanwhile: it is no race. */
#define FAULT_TRIES	4
/* So often, whatever changes. */
#define FAULT_TRIES_MAX 1000
/* The guest took so many exceptions and did nothing else that could be seen:
 * its handler faults as well. */
#define FAULT_ROW	64

struct fault {
	uint64_t gpa;
	bool private; /* the kind of access */
	int os_errno; /* KVM_RUN's: EFAULT or EHWPOISON */
};

/* The faults of a vCPU that no other exit has come between. */
struct fault_row {
	struct fault last;
	uint64_t changes;   /* of memory, at the last one */
	unsigned int tries; /* how often the last one was tried again */
	unsigned int taken; /* exceptions */
	bool any, set;
};

/*
 * What to do about @f. @changes counts the changes of slots, attributes and
 * files: an access may have met one half way. @can_set: this machine has
 * attributes.
 */
enum fault_action fault_decide(struct fault_row *row, enum fault_policy policy,
			       const struct fault *f, uint64_t changes,
			       bool can_set);
/* The vCPU has left the guest for another reason: it gets on. */
void fault_progress(struct fault_row *row);

#endif
