// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>

#include "control/operate.h"
#include "vcpu/agent.h"

#define PREFAULT_MAX (2 * MIB)
#define TOUCH_MAX    (256 * PAGE_SIZE) /* within the agent's time limit */

int operate_can_prefault(struct machine *m, struct err *e)
{
	if (kvm_check_extension(m->vm, GPC_CAP_PRE_FAULT_MEMORY) > 0)
		return 0;
	return err_unsupported(
		e, "KVM_PRE_FAULT_MEMORY is not supported for this VM "
		   "(KVM_CAP_PRE_FAULT_MEMORY is 0): it needs Linux 6.12 and "
		   "two-dimensional paging");
}

/*
 * Prefault one part, with slot changes locked out: before 6.18
 * KVM_PRE_FAULT_MEMORY retried while the slot was being deleted, and the
 * deletion waited for it (arch/x86/kvm/mmu/mmu.c, kvm_tdp_map_page; both hold
 * kvm->srcu).
 */
static int prefault_some(struct memory *m, struct vcpu *v, uint64_t *gpa,
			 uint64_t *len)
{
	uint64_t some = *len < PREFAULT_MAX ? *len : PREFAULT_MAX;
	uint64_t left = some;
	int r;

	pthread_rwlock_rdlock(&m->lock);
	r = kvm_pre_fault_memory(v->fd, gpa, &left);
	pthread_rwlock_unlock(&m->lock);
	*len -= some - left;
	/* On poison it sends SIGBUS and retries until the signal is pending. */
	return vcpu_take_bus(v) ? -EHWPOISON : r;
}

static uint64_t memory_changes(struct memory *m)
{
	return m->changes;
}

static int prefault_failed(struct machine *m, uint64_t gpa, int os_errno,
			   uint64_t since, struct err *e)
{
	struct memory *mem = &m->memory;
	char reason[96];

	machine_fault_reason(m, gpa, memory_is_private(mem, gpa), os_errno,
			     reason, sizeof(reason));
	return err_kvm(e, os_errno,
		       "KVM_PRE_FAULT_MEMORY at gpa 0x%" PRIx64 " (%s)", gpa,
		       memory_changes(mem) == since
			       ? reason
			       : "memory changed meanwhile");
}

int operate_prefault(struct machine *m, struct vcpu *v, uint64_t gpa,
		     uint64_t len, const _Atomic bool *cancel, struct err *e)
{
	/* The kernel handles a part at a time and reports its progress. */
	while (len) {
		uint64_t now = memory_changes(&m->memory);
		int r = prefault_some(&m->memory, v, &gpa, &len);

		if (r < 0 && r != -EINTR && r != -EAGAIN)
			return prefault_failed(m, gpa, -r, now, e);
		if (len && (*cancel || v->stop))
			return err_state(e, "cancelled at gpa 0x%" PRIx64, gpa);
	}
	return 0;
}

int operate_touch(struct vcpu *v, uint64_t gpa, uint64_t len, bool write,
		  const _Atomic bool *cancel, uint64_t *pages, struct err *e)
{
	*pages = 0;
	for (uint64_t at = 0, n; at < len; at += n) {
		n = len - at < TOUCH_MAX ? len - at : TOUCH_MAX;
		struct agent_op op = { .op = OP_TOUCH,
				       .in = { gpa + at, n, write } };

		if (agent_do(v, &op, e))
			return -1;
		*pages += op.out[1];
		if (at + n < len && *cancel)
			return err_state(e, "cancelled at gpa 0x%" PRIx64,
					 gpa + at);
	}
	return 0;
}
