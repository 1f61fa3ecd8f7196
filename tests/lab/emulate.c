// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM emulates instructions whose code, operands, stack and page tables are in
 * private memory, with kvm.force_emulation_prefix=1. The alias of all that is
 * filled with garbage, which must not be looked at, nor be changed.
 *
 *   emulate GMEM_FLAGS
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm/abi.h"

#define MEM	0x1000000UL
#define LOADER	0x1000
#define IMAGE	0x2000
#define PRIVATE 0x200000 /* code; then page directory, stack, data */
#define LENGTH	0x4000
#define GARBAGE 0xcc
#define TESTS	6

/*
 * The loader runs from shared memory, without paging. It copies the tests into
 * private memory, makes page tables there and turns paging on. The second entry
 * maps the same 4M as the first, at 0x400000. Only emulated instructions go
 * through it, so its accessed and dirty bits are KVM's doing.
 */
asm(".pushsection .rodata\n"
    ".code32\n"
    "loader:\n"
    "	mov	$0x2000, %esi\n"
    "	mov	$0x200000, %edi\n"
    "	mov	$0x1000, %ecx\n"
    "	cld\n"
    "	rep movsb\n"
    "	movl	$0x83, 0x201000\n"
    "	movl	$0x83, 0x201004\n"
    "	mov	$0x201000, %eax\n"
    "	mov	%eax, %cr3\n"
    "	mov	%cr4, %eax\n"
    "	or	$0x10, %eax\n" /* PSE */
    "	mov	%eax, %cr4\n"
    "	mov	%cr0, %eax\n"
    "	or	$0x80000000, %eax\n" /* PG */
    "	mov	%eax, %cr0\n"
    "	mov	$0x203000, %esp\n"
    "	mov	$0x200000, %eax\n"
    "	jmp	*%eax\n"
    "loader_end:\n"
    ".macro emulated\n"
    "	ud2\n"
    "	.ascii	\"kvm\"\n"
    ".endm\n"
    "tests:\n"
    "	xor	%ebx, %ebx\n"
    "	movl	$0x11223344, 0x203000\n"
    /* a load */
    "	emulated\n"
    "	movl	0x603000, %eax\n"
    "	cmp	$0x11223344, %eax\n"
    "	jne	1f\n"
    "	inc	%ebx\n"
    /* cmpxchg that succeeds */
    "1:	mov	$0x11223344, %eax\n"
    "	mov	$0x55667788, %ecx\n"
    "	emulated\n"
    "	lock cmpxchg %ecx, 0x603000\n"
    "	jne	2f\n"
    "	cmpl	$0x55667788, 0x203000\n"
    "	jne	2f\n"
    "	inc	%ebx\n"
    /* ... and that fails */
    "2:	mov	$1, %eax\n"
    "	mov	$2, %ecx\n"
    "	emulated\n"
    "	lock cmpxchg %ecx, 0x603000\n"
    "	je	3f\n"
    "	cmp	$0x55667788, %eax\n"
    "	jne	3f\n"
    "	inc	%ebx\n"
    /* the stack */
    "3:	mov	$0xabcdef01, %edx\n"
    "	emulated\n"
    "	push	%edx\n"
    "	cmpl	$0xabcdef01, (%esp)\n"
    "	jne	4f\n"
    "	xor	%eax, %eax\n"
    "	emulated\n"
    "	pop	%eax\n"
    "	cmp	$0xabcdef01, %eax\n"
    "	jne	4f\n"
    "	inc	%ebx\n"
    /* accessed and dirty, set by the walks above */
    "4:	mov	0x201004, %eax\n"
    "	and	$0x60, %eax\n"
    "	cmp	$0x60, %eax\n"
    "	jne	5f\n"
    "	inc	%ebx\n"
    /* a string instruction, read and write */
    "5:	movb	$0x5a, 0x203010\n"
    "	mov	$0x603010, %esi\n"
    "	mov	$0x603020, %edi\n"
    "	mov	$1, %ecx\n"
    "	emulated\n"
    "	rep movsb\n"
    "	cmpb	$0x5a, 0x203020\n"
    "	jne	6f\n"
    "	inc	%ebx\n"
    "6:	mov	%bl, %al\n"
    "	out	%al, $0xf4\n"
    "	hlt\n"
    "tests_end:\n"
    ".code64\n"
    ".popsection\n");

extern const char loader[], loader_end[], tests[], tests_end[];

static int must(int r, const char *what)
{
	if (r >= 0)
		return r;
	perror(what);
	exit(2);
}

static unsigned char *make_memory(int vm, uint64_t flags)
{
	struct gpc_create_guest_memfd gmem = { .size = MEM, .flags = flags };
	struct gpc_memory_attributes attr = {
		.address = PRIVATE,
		.size = LENGTH,
		.attributes = GPC_MEMORY_ATTRIBUTE_PRIVATE,
	};
	struct gpc_memory_region2 slot = {
		.flags = GPC_MEM_GUEST_MEMFD,
		.memory_size = MEM,
	};
	unsigned char *mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(mem == MAP_FAILED ? -1 : 0, "mmap");
	memcpy(mem + LOADER, loader, (size_t)(loader_end - loader));
	memcpy(mem + IMAGE, tests, (size_t)(tests_end - tests));
	memset(mem + PRIVATE, GARBAGE, LENGTH);
	slot.userspace_addr = (uintptr_t)mem;
	slot.guest_memfd = (uint32_t)must(
		ioctl(vm, GPC_CREATE_GUEST_MEMFD, &gmem), "a gmem file");
	must(ioctl(vm, GPC_SET_USER_MEMORY_REGION2, &slot), "a slot");
	must(ioctl(vm, GPC_SET_MEMORY_ATTRIBUTES, &attr), "the attribute");
	return mem;
}

/* Flat 32-bit segments; no paging yet. */
static void set_registers(int vcpu)
{
	struct kvm_regs regs = { .rip = LOADER, .rflags = 2 };
	struct kvm_segment seg = { .limit = ~0U,
				   .selector = 8,
				   .type = 11,
				   .present = 1,
				   .db = 1,
				   .s = 1,
				   .g = 1 };
	struct kvm_sregs sregs;

	must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs = seg;
	seg.type = 3;
	seg.selector = 16;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = seg;
	sregs.cr0 = 0x11; /* ET, PE */
	must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

int main(int argc, char **argv)
{
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	int vm = must(ioctl(kvm, KVM_CREATE_VM, GPC_VM_SW_PROTECTED), "a VM");
	uint64_t flags = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
	unsigned char *mem = make_memory(vm, flags);
	int vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "a vCPU");
	int len = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "its size");
	struct kvm_run *run = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE,
				   MAP_SHARED, vcpu, 0);
	unsigned int changed = 0, passed;

	must(run == MAP_FAILED ? -1 : 0, "mmap of the vCPU");
	set_registers(vcpu);
	must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_IO) {
		printf("the vCPU exits with %u\n", run->exit_reason);
		return 1;
	}
	passed = *((unsigned char *)run + run->io.data_offset);
	for (unsigned int i = 0; i < LENGTH; i++)
		changed += mem[PRIVATE + i] != GARBAGE;
	printf("%u of %u; %u bytes of the alias changed\n", passed, TESTS,
	       changed);
	return passed != TESTS || changed;
}
