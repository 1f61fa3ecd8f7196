/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Enters C from the state that doorbell.h describes. All vCPUs run the same
 * code: the page tables are in the image, all else is in the vCPU's area.
 */
#include "guest.h"

#define MSR_EFER    0xc0000080
#define MSR_FS_BASE 0xc0000100
#define EFER_LME    0x100
#define CR4_PAE	    0x20
#define CR0_LONG    0x80010031 /* PG WP NE ET PE */

	/* 32-bit code has sections of its own, which build.mk disassembles. */
	.section .entry, "ax"
	.code32
	.globl entry
	.type entry, @function
entry:
	cmpl	$ENTRY_MAGIC, %eax
	jne	bad_magic
	mov	%ecx, %ebp

	/* The area is zeroed: write only what is not zero. */
	movl	$0x00209b00, PC_GDT + SEL_CODE + 4(%ebp)
	movl	$0x0000ffff, PC_GDT + SEL_DATA(%ebp)
	movl	$0x00cf9300, PC_GDT + SEL_DATA + 4(%ebp)
	lea	PC_TSS(%ebp), %eax
	movw	$103, PC_GDT + SEL_TSS(%ebp)
	mov	%ax, PC_GDT + SEL_TSS + 2(%ebp)
	shr	$16, %eax
	mov	%al, PC_GDT + SEL_TSS + 4(%ebp)
	movb	$0x89, PC_GDT + SEL_TSS + 5(%ebp)
	mov	%ah, PC_GDT + SEL_TSS + 7(%ebp)
	lea	EXC_STACK_TOP(%ebp), %eax
	mov	%eax, PC_TSS_IST1(%ebp)
	lea	PC_GDT(%ebp), %eax
	movw	$GDT_LIMIT, PC_GDTR(%ebp)
	mov	%eax, PC_GDTR + 2(%ebp)
	lgdt	PC_GDTR(%ebp)

	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$MSR_EFER, %ecx
	mov	$EFER_LME, %eax
	xor	%edx, %edx
	wrmsr
	mov	$CR0_LONG, %eax
	mov	%eax, %cr0
	ljmp	$SEL_CODE, $long_mode

	/* It is too early for a reason of more than four letters. */
bad_magic:
	mov	$0x3f786165, %ebx	/* "eax?" */
	xor	%ecx, %ecx
	xor	%esi, %esi
	xor	%edi, %edi
	mov	$DB_PANIC, %eax
	mov	$DB_PORT, %edx
	outl	%eax, %dx
	hlt
	jmp	bad_magic
	.size entry, . - entry

	.text
	.code64
long_mode:
	mov	$SEL_DATA, %eax
	mov	%eax, %ss
	mov	$SEL_TSS, %eax
	ltr	%ax
	lidt	idtr
	lea	VCPU_AREA_SIZE(%rbp), %rsp
	mov	%ebp, %eax	/* EDX is still 0 */
	mov	$MSR_FS_BASE, %ecx
	wrmsr
	rdtsc
	mov	%eax, PC_CANARY + 4(%rbp)
	mov	%ebx, %edi
	mov	%esi, %edx
	mov	%ebp, %esi
	xor	%ebp, %ebp
	call	guest_main

	/*
	 * The interrupt table. The linker completes it: guest.ld splits the
	 * address of the stubs, which are STUB_SIZE bytes each.
	 */
	.section .data
	.balign	16
idt:
	.set	vector, 0
	.rept	NR_VECTORS
	.short	trap_stubs_low + vector * STUB_SIZE
	.short	SEL_CODE
	.byte	1, 0x8e		/* IST 1, interrupt gate */
	.short	trap_stubs_mid
	.quad	0
	.set	vector, vector + 1
	.endr
idtr:
	.short	NR_VECTORS * 16 - 1
	.quad	idt

	/* Identity map MAP_STATIC bytes in 2 MiB pages; map_range() adds more. */
#define PTE_TABLE 0x03		/* present, writable */
#define PTE_LARGE 0xe3		/* and accessed, dirty, a large page */
	.section .pagetables, "aw"
	.balign	4096
	.globl	pml4
pml4:
	.quad	pdpt + PTE_TABLE
	.fill	511, 8, 0
pdpt:
	.quad	pd + PTE_TABLE
	.fill	511, 8, 0
pd:
	.set	page, 0
	.rept	MAP_STATIC / 0x200000
	.quad	page + PTE_LARGE
	.set	page, page + 0x200000
	.endr
	.fill	512 - MAP_STATIC / 0x200000, 8, 0

	.section .note.GNU-stack, "", @progbits
