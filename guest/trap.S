/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest.h"

/* The vectors for which the CPU pushes an error code: #DF #TS #NP #SS #GP #PF
 * #AC #CP #VC #SX (AMD64 Architecture Programmer's Manual 2, 8.2). */
#define HAS_ERROR_CODE 0x60227d00

	.text
	.balign	STUB_SIZE
	.globl	trap_stubs
trap_stubs:
	.set	vector, 0
	.rept	NR_VECTORS
	.balign	STUB_SIZE
	.if	((HAS_ERROR_CODE >> vector) & 1) == 0
	push	$0
	.endif
	push	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

trap_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	call	trap
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

/* uint64_t guarded(pc, w, fn): an exception in fn resumes at 1f, with ST_FAULT
 * in RAX and the stack restored, which holds the caller's registers. */
	.globl	guarded
	.type	guarded, @function
guarded:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	mov	%rsp, PC_FIXUP_SP(%rdi)
	movq	$1f, PC_FIXUP(%rdi)
	call	*%rdx
1:
	pop	%rdi
	movq	$0, PC_FIXUP(%rdi)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	guarded, . - guarded

	.section .note.GNU-stack, "", @progbits
