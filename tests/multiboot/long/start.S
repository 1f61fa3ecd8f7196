/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A Multiboot 1 image that starts as those of kvm-unit-tests do: no flags in its
 * header, from 32-bit protected mode to long mode, a per-CPU area by GS, and APs
 * that begin in a copy of their trampoline at gpa 0.
 */
#define MAGIC	    0x1badb002
#define MAX_CPUS    64
#define STACK	    4096
#define MSR_EFER    0xc0000080
#define MSR_GS_BASE 0xc0000101

	.section .header, "a"
	.balign	4
	.long	MAGIC
	.long	0
	.long	-MAGIC

	/* The stack that ESP is at the top of has its per-CPU area at its bottom. */
	.macro	per_cpu
	lea	-STACK(%esp), %eax
	xor	%edx, %edx
	mov	$MSR_GS_BASE, %ecx
	wrmsr
	.endm

	.text
	.code32
	.globl	start
start:
	mov	%ebx, info
	mov	$stacks_end, %esp
	per_cpu
	call	enter_long_mode
	ljmp	$8, $start64

enter_long_mode:
	lgdt	gdtr
	mov	$MSR_GS_BASE, %ecx	/* loading GS would clear it */
	rdmsr
	mov	$16, %ebx
	mov	%ebx, %ds
	mov	%ebx, %es
	mov	%ebx, %fs
	mov	%ebx, %gs
	mov	%ebx, %ss
	wrmsr
	mov	%cr4, %eax
	or	$1 << 5, %eax	/* PAE */
	mov	%eax, %cr4
	mov	$level4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$1 << 8, %eax	/* LME */
	wrmsr
	mov	%cr0, %eax
	or	$1 << 31, %eax	/* PG */
	mov	%eax, %cr0
	ret

	.globl	ap_start32
ap_start32:
	mov	$24, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$-STACK, %esp
	lock xadd %esp, next_stack
	per_cpu
	call	enter_long_mode
	ljmp	$8, $ap_start64

	.code64
start64:
	mov	info(%rip), %edi
	lidt	idtr(%rip)
	call	long_main
	jmp	3f

ap_start64:
	lidt	idtr(%rip)
	call	long_ap
3:	sti
	hlt
	jmp	3b

	/* Vector 0x20. An interrupt may come anywhere; C keeps the rest. */
	.globl	ipi_entry
ipi_entry:
	.irp	reg, rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11
	push	%\reg
	.endr
	cld
	call	on_ipi
	.irp	reg, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax
	pop	%\reg
	.endr
	iretq
	/* #GP of a WRMSR: go on behind it. */
	.globl	protection
protection:
	lock incl protections(%rip)
	add	$8, %rsp	/* the error code */
	addq	$2, (%rsp)
	iretq
	.globl	exception
exception:
	call	on_exception
	jmp	3b

	/* Real mode, at gpa 0. */
	.code16
	.globl	trampoline, trampoline_end
trampoline:
	mov	%cr0, %eax
	or	$1, %eax
	mov	%eax, %cr0
	lgdtl	low_gdtr - trampoline
	ljmpl	$32, $ap_start32
low_gdtr:
	.word	gdt_end - gdt - 1
	.long	gdt
trampoline_end:

	.data
	.balign	8
gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* 8: 64-bit code */
	.quad	0x00cf93000000ffff	/* 16: data */
	.quad	0x00cf93000000ffff	/* 24: data */
	.quad	0x00cf9b000000ffff	/* 32: 32-bit code */
gdt_end:
gdtr:
	.word	gdt_end - gdt - 1
	.quad	gdt
idtr:
	.word	256 * 16 - 1
	.quad	idt
	.balign	4
info:
	.long	0
	.globl	protections
protections:
	.long	0
next_stack:
	.long	stacks_end - STACK

	/* 4 GiB, each address to itself, in pages of 2 MiB. */
	.balign	4096
level2:
	.set	i, 0
	.rept	4 * 512
	.quad	i << 21 | 0x87
	.set	i, i + 1
	.endr
level3:
	.quad	level2 + 7, level2 + 0x1007, level2 + 0x2007, level2 + 0x3007
	.balign	4096
level4:
	.quad	level3 + 7
	.balign	4096

	.bss
	.balign	4096
	.skip	MAX_CPUS * STACK
stacks_end:
	.globl	idt
idt:
	.skip	256 * 16

	.section .note.GNU-stack, "", @progbits
