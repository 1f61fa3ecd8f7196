// SPDX-License-Identifier: GPL-2.0-only
/* The scratch VM on which the probe tries features. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/num.h"
#include "kvm/kvm.h"
#include "kvm/scratch_vm.h"

#define MEM_SIZE (SCRATCH_VM_PAGES * PAGE_SIZE)

int scratch_vm_create(struct scratch_vm *v, int kvm, unsigned long type,
		      struct err *e)
{
	v->vm = kvm_create_vm(kvm, type);
	if (v->vm < 0)
		return err_kvm(e, -v->vm, "KVM_CREATE_VM of type %lu", type);
	return 0;
}

static int map_memory(struct scratch_vm *v, int flags, int fd, struct err *e)
{
	void *p = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		return err_os(e, errno, "mmap of %s",
			      fd < 0 ? "anonymous memory" : "the gmem file");
	v->mem = p;
	return 0;
}

int scratch_vm_anon(struct scratch_vm *v, struct err *e)
{
	int r;

	if (map_memory(v, MAP_PRIVATE | MAP_ANONYMOUS, -1, e) < 0)
		return -1;
	r = kvm_set_memory_region(v->vm, 0, 0, 0, MEM_SIZE, (uintptr_t)v->mem);
	if (r < 0)
		return err_kvm(e, -r, "KVM_SET_USER_MEMORY_REGION");
	return 0;
}

int scratch_vm_gmem(struct scratch_vm *v, uint64_t flags, bool mapped,
		    struct err *e)
{
	struct gpc_memory_region2 slot = {
		.flags = GPC_MEM_GUEST_MEMFD,
		.memory_size = MEM_SIZE,
	};
	int r;

	v->gmem = kvm_create_guest_memfd(v->vm, MEM_SIZE, flags);
	if (v->gmem < 0)
		return err_kvm(e, -v->gmem,
			       "KVM_CREATE_GUEST_MEMFD with flags 0x%llx",
			       (unsigned long long)flags);
	r = mapped ? map_memory(v, MAP_SHARED, v->gmem, e)
		   : map_memory(v, MAP_PRIVATE | MAP_ANONYMOUS, -1, e);
	if (r < 0)
		return -1;
	slot.userspace_addr = (uintptr_t)v->mem;
	slot.guest_memfd = (uint32_t)v->gmem;
	r = kvm_set_memory_region2(v->vm, &slot);
	if (r < 0)
		return err_kvm(e, -r, "KVM_SET_USER_MEMORY_REGION2 with gmem");
	return 0;
}

int scratch_vm_private(struct scratch_vm *v, uint64_t size, struct err *e)
{
	int r = kvm_set_memory_attributes(v->vm, 0, size,
					  GPC_MEMORY_ATTRIBUTE_PRIVATE);

	if (r < 0)
		return err_kvm(e, -r, "KVM_SET_MEMORY_ATTRIBUTES(private)");
	return 0;
}

int scratch_vm_vcpu(struct scratch_vm *v, int kvm, struct err *e)
{
	int size = kvm_vcpu_mmap_size(kvm), r;
	struct kvm_cpuid_table t;
	void *run;

	v->vcpu = kvm_create_vcpu(v->vm, 0);
	if (v->vcpu < 0)
		return err_kvm(e, -v->vcpu, "KVM_CREATE_VCPU");
	memset(&t, 0, sizeof(t));
	r = kvm_supported_cpuid(kvm, &t);
	if (r < 0)
		return err_kvm(e, -r, "KVM_GET_SUPPORTED_CPUID");
	r = kvm_set_cpuid(v->vcpu, &t);
	if (r < 0)
		return err_kvm(e, -r,
			       "KVM_SET_CPUID2 with KVM's supported "
			       "CPUID");
	if (size < 0)
		return err_kvm(e, -size, "KVM_GET_VCPU_MMAP_SIZE");
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   v->vcpu, 0);
	if (run == MAP_FAILED)
		return err_os(e, errno, "mmap of the vCPU's kvm_run");
	v->run = run;
	v->run_len = (size_t)size;
	return 0;
}

/* Write real mode code to gpa 0. */
static int put_code(struct scratch_vm *v, const void *code, size_t len,
		    struct err *e)
{
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;
	int r;

	r = host_copy(v->mem, code, len);
	if (r < 0)
		return err_os(e, -r, "writing guest memory");
	r = kvm_get_sregs(v->vcpu, &sregs);
	if (r < 0)
		return err_kvm(e, -r, "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	r = kvm_set_sregs(v->vcpu, &sregs);
	if (r < 0)
		return err_kvm(e, -r, "KVM_SET_SREGS");
	r = kvm_set_regs(v->vcpu, &regs);
	if (r < 0)
		return err_kvm(e, -r, "KVM_SET_REGS");
	return 0;
}

static int run_until(struct scratch_vm *v, uint32_t reason, const char *name,
		     struct err *e)
{
	int r, tries = 16;

	do
		r = kvm_run(v->vcpu);
	while ((r == -EINTR || r == -EAGAIN) && --tries);
	if (r < 0)
		return err_kvm(e, -r, "KVM_RUN");
	if (v->run->exit_reason != reason)
		return err_kvm(e, 0, "KVM_RUN: unexpected exit %u, expected %s",
			       v->run->exit_reason, name);
	return 0;
}

/* Without an in-kernel irqchip a HLT causes an exit (kvm_emulate_halt(),
 * arch/x86/kvm/x86.c), which ends the run. */
int scratch_vm_hlt(struct scratch_vm *v, struct err *e)
{
	const unsigned char hlt = 0xf4;

	if (put_code(v, &hlt, sizeof(hlt), e))
		return -1;
	return run_until(v, KVM_EXIT_HLT, "HLT", e);
}

/* What the guest reads in 16 bits at @gpa. */
static int scratch_vm_read(struct scratch_vm *v, uint16_t gpa, uint16_t *out,
			   struct err *e)
{
	const unsigned char code[] = {
		0xa1,
		(unsigned char)gpa,
		(unsigned char)(gpa >> 8), /* mov */
		0xe7,
		0xf4, /* out %ax, $0xf4 */
	};

	if (put_code(v, code, sizeof(code), e) ||
	    run_until(v, KVM_EXIT_IO, "IO", e))
		return -1;
	memcpy(out, (const char *)v->run + v->run->io.data_offset,
	       sizeof(*out));
	return 0;
}

void scratch_vm_close(struct scratch_vm *v)
{
	if (v->run)
		munmap(v->run, v->run_len);
	if (v->vcpu >= 0)
		close(v->vcpu);
	if (v->mem)
		munmap(v->mem, MEM_SIZE);
	if (v->gmem >= 0)
		close(v->gmem);
	if (v->vm >= 0)
		close(v->vm);
	*v = SCRATCH_VM_NONE;
}

int scratch_vm_set_page(struct scratch_vm *v, uint32_t msr, unsigned int page,
			struct err *e)
{
	uint64_t want = page * PAGE_SIZE | KVM_MSR_ENABLED, got = 0;
	int r = kvm_set_msr(v->vcpu, msr, want);

	if (r < 0)
		return err_kvm(e, -r, "KVM_SET_MSRS of 0x%x", msr);
	r = kvm_get_msr(v->vcpu, msr, &got);
	if (r < 0)
		return err_kvm(e, -r, "KVM_GET_MSRS of 0x%x", msr);
	if (got != want)
		return err_kvm(e, 0, "MSR 0x%x: read 0x%llx, expected 0x%llx",
			       msr, (unsigned long long)got,
			       (unsigned long long)want);
	return 0;
}

int scratch_vm_run_private(struct scratch_vm *v, int kvm, uint32_t msr,
			   size_t offset, uint16_t *seen, struct err *e)
{
	int r;

	if (scratch_vm_create(v, kvm, GPC_VM_SW_PROTECTED, e) < 0 ||
	    scratch_vm_gmem(v, 0, false, e) < 0 ||
	    scratch_vm_vcpu(v, kvm, e) < 0)
		return -1;
	r = kvm_set_memory_attributes(v->vm, PAGE_SIZE, PAGE_SIZE,
				      GPC_MEMORY_ATTRIBUTE_PRIVATE);
	if (r < 0)
		return err_kvm(e, -r, "KVM_SET_MEMORY_ATTRIBUTES(private)");
	if (scratch_vm_set_page(v, msr, 1, e) < 0)
		return -1;
	return scratch_vm_read(v, (uint16_t)(PAGE_SIZE + offset), seen, e);
}

bool scratch_vm_private_steal(int kvm)
{
	struct scratch_vm v = SCRATCH_VM_NONE;
	uint16_t seen = 0;
	struct err e;

	if (scratch_vm_run_private(&v, kvm, MSR_KVM_STEAL_TIME, STEAL_VERSION,
				   &seen, &e))
		seen = 0;
	scratch_vm_close(&v);
	return seen;
}
