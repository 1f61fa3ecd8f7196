/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest.h"

#ifdef GUEST_LINUX
#define PORT DB_PORT_PC
#else
#define PORT DB_PORT
#endif

	.text
/* uint64_t db_call(uint32_t call, uint64_t *w) */
	.globl	db_call
	.type	db_call, @function
db_call:
	push	%rbx
	push	%rbp
	mov	%edi, %eax
	mov	%rsi, %rbp
	mov	(%rbp), %rbx
	mov	8(%rbp), %rcx
	mov	16(%rbp), %rsi
	mov	24(%rbp), %rdi
	mov	32(%rbp), %r8
	mov	40(%rbp), %r9
	mov	48(%rbp), %r10
	mov	56(%rbp), %r11
	mov	$PORT, %edx
	outl	%eax, %dx
	mov	%rbx, (%rbp)
	mov	%rcx, 8(%rbp)
	mov	%rsi, 16(%rbp)
	mov	%rdi, 24(%rbp)
	mov	%r8, 32(%rbp)
	mov	%r9, 40(%rbp)
	mov	%r10, 48(%rbp)
	mov	%r11, 56(%rbp)
	pop	%rbp
	pop	%rbx
	ret
	.size	db_call, . - db_call

	.section .note.GNU-stack, "", @progbits
