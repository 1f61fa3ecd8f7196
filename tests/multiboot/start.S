/* SPDX-License-Identifier: GPL-2.0-only */
/* A Multiboot 1 image that looks at the machine it finds itself in. FLAT: with
 * addresses in the header, for the form that is no ELF file. */
#define MAGIC 0x1badb002
#ifdef FLAT
#define FLAGS 0x00010003
#else
#define FLAGS 0x00000003
#endif

	.section .header, "a"
	.balign	4
header:
	.long	MAGIC
	.long	FLAGS
	.long	-(MAGIC + FLAGS)
#ifdef FLAT
	.long	header
	.long	load_start
	.long	load_end
	.long	bss_end
	.long	start
#endif

	.text
	.code32
	.globl	start
start:
	mov	$stack_top, %esp
	pushf
	mov	%cr0, %ecx
	push	%ecx
	push	%ebx
	push	%eax
	lgdt	gdtr
	ljmp	$8, $1f
1:	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	lidt	idtr
	call	image_main
2:	cli
	hlt
	jmp	2b

	/* An AP, in the trampoline's protected mode. */
	.globl	ap_start
ap_start:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	lock incl aps
3:	cli
	hlt
	jmp	3b

	.globl	on_vector
	/* Stubs of 16 bytes for vectors 0x20 to 0x2f; the rest ends it. */
	.balign	16
	.globl	stubs
stubs:
	.set	n, 0x20
	.rept	16
	.balign	16
	pusha
	push	$n
	jmp	common
	.set	n, n + 1
	.endr
	.balign	16
common:
	call	on_interrupt
	pop	%eax
	popa
	/* An IRET by hand: KVM's emulator has none for protected mode
	 * (arch/x86/kvm/emulate.c, em_iret), and there are KVMs that emulate
	 * all that is not paged. EIP, CS, EFLAGS become EFLAGS, EIP. */
	push	%eax
	push	%ecx
	mov	16(%esp), %eax
	mov	8(%esp), %ecx
	mov	%eax, 12(%esp)
	mov	%ecx, 16(%esp)
	pop	%ecx
	pop	%eax
	lea	4(%esp), %esp
	popf
	ret
	.globl	unexpected
unexpected:
	call	on_exception
	jmp	2b

	.data
	.balign	8
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
gdtr:
	.word	gdtr - gdt - 1
	.long	gdt
idtr:
	.word	256 * 8 - 1
	.long	idt
	.balign	4
	.globl	aps
aps:
	.long	0

	.bss
	.balign	16
	.skip	16384
stack_top:
	.globl	idt
	.balign	16
idt:
	.skip	256 * 8

	/* Where a SIPI leads to, in real mode, at any multiple of 4096: there with
	 * the ELF file, by a copy otherwise. */
#ifndef FLAT
	.section .trampoline, "ax"
#else
	.text
#endif
	.code16
	.globl	trampoline
trampoline:
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	tgdtr - trampoline
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$8, $ap_start
	.balign	8
tgdtr:
	.word	gdtr - gdt - 1
	.long	gdt
	.globl	trampoline_end
trampoline_end:

	.section .note.GNU-stack, "", @progbits
