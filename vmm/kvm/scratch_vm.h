/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_SCRATCH_VM_H
#define GPCVM_SCRATCH_VM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A scratch VM with a little memory at gpa 0. Each function returns -1 with the
 * reason; the caller then calls scratch_vm_close(), which accepts any state
 * that started from SCRATCH_VM_NONE.
 */
#define SCRATCH_VM_PAGES 4

struct scratch_vm {
	int vm, vcpu, gmem;
	void *mem; /* SCRATCH_VM_PAGES pages, the slot's userspace_addr */
	struct kvm_run *run;
	size_t run_len;
};

#define SCRATCH_VM_NONE                                                        \
	(struct scratch_vm)                                                    \
	{                                                                      \
		.vm = -1, .vcpu = -1, .gmem = -1, .mem = NULL, .run = NULL     \
	}

int scratch_vm_create(struct scratch_vm *v, int kvm, unsigned long type,
		      struct err *e);
/* Create a VM with anonymous memory. */
int scratch_vm_anon(struct scratch_vm *v, struct err *e);
/* Create a VM with memory from a gmem file with @flags. With @mapped the file
 * itself is the userspace_addr, else it is anonymous memory. */
int scratch_vm_gmem(struct scratch_vm *v, uint64_t flags, bool mapped,
		    struct err *e);
/* Make the first @size bytes private. */
int scratch_vm_private(struct scratch_vm *v, uint64_t size, struct err *e);
/* Add a vCPU with the CPUID that KVM supports. */
int scratch_vm_vcpu(struct scratch_vm *v, int kvm, struct err *e);
/* Put a HLT at gpa 0 and run the vCPU into it. */
int scratch_vm_hlt(struct scratch_vm *v, struct err *e);
void scratch_vm_close(struct scratch_vm *v);

/* Point an MSR at page @page and read the MSR back. */
int scratch_vm_set_page(struct scratch_vm *v, uint32_t msr, unsigned int page,
			struct err *e);
/* Create a VM whose page 1 is private and is the target of MSR @msr, and run
 * it; return what the guest reads at @offset of that page. */
int scratch_vm_run_private(struct scratch_vm *v, int kvm, uint32_t msr,
			   size_t offset, uint16_t *seen, struct err *e);

/* struct kvm_steal_time: u64 steal, then u32 version. */
#define STEAL_VERSION 8

/* Does KVM reach steal time in private memory? Costs a VM; false if it cannot
 * be tried. */
bool scratch_vm_private_steal(int kvm);

#endif
