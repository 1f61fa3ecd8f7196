// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "vcpu/fault.h"

static bool same(const struct fault *a, const struct fault *b)
{
	return a->gpa == b->gpa && a->private == b->private &&
	       a->os_errno == b->os_errno;
}

/*
 * KVM checks the attribute, the slot and the file one after the other
 * (arch/x86/kvm/mmu/mmu.c, kvm_mmu_page_fault and kvm_faultin_pfn), and exits if one of
 * them changes in between. Then entering the guest again completes the access.
 */
static bool may_be_a_race(struct fault_row *row, const struct fault *f,
			  uint64_t changes)
{
	bool changed = row->changes != changes;

	row->changes = changes;
	if (f->os_errno == EHWPOISON) /* a page does not recover */
		return false;
	if (row->tries >= FAULT_TRIES_MAX ||
	    (row->tries >= FAULT_TRIES && !changed))
		return false;
	row->tries++;
	return true;
}

enum fault_action fault_decide(struct fault_row *row, enum fault_policy policy,
			       const struct fault *f, uint64_t changes,
			       bool can_set)
{
	if (!row->any || !same(&row->last, f)) {
		row->any = true;
		row->last = *f;
		row->changes = changes;
		row->tries = 0;
		row->set = false;
	}
	if (may_be_a_race(row, f, changes))
		return FAULT_AGAIN;
	row->tries = 0;
	if (policy == FAULT_STOP)
		return FAULT_END;
	if (policy == FAULT_CONVERT && can_set && !row->set &&
	    f->os_errno != EHWPOISON) {
		row->set = true;
		return FAULT_SET;
	}
	if (row->taken >= FAULT_ROW)
		return FAULT_END;
	row->taken++;
	return FAULT_INJECT;
}

void fault_progress(struct fault_row *row)
{
	row->any = false;
	row->taken = 0;
}
