/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loader, for guest memory that the host cannot write: starts in the shared
 * window, copies the image to its place and enters it. 32-bit code at
 * LOADER_BASE, without a stack or other memory. The list is at EDI: entry,
 * count, then count times { destination, source, bytes }.
 *
 * EBX is preserved; ECX, ESI and EDI are saved in EDX, EBP and ESP (but not if
 * the host feeds it: the host then sets all registers at the end).
 */
#include "doorbell.h"

	.section .loader, "ax"
	.code32
	.globl	loader_entry
	.type	loader_entry, @function
loader_entry:
	mov	%ecx, %edx
	mov	%esi, %ebp
	mov	%edi, %esp
	lea	8(%esp), %eax	/* the next row */
	cld
next:
	imul	$12, 4(%esp), %ecx
	lea	8(%esp, %ecx), %ecx
	cmp	%ecx, %eax
	jae	done
	mov	(%eax), %edi
	mov	4(%eax), %esi
	mov	8(%eax), %ecx
	add	$12, %eax
	shr	$2, %ecx
	test	%esi, %esi
	jz	fill
	rep movsl
	mov	-4(%eax), %ecx
	and	$3, %ecx
	rep movsb
	jmp	next
fill:
	xchg	%eax, %esi
	rep stosl
	mov	-4(%esi), %ecx
	and	$3, %ecx
	rep stosb		/* EAX is still 0 */
	mov	%esi, %eax
	jmp	next
done:
	cmpl	$0, (%esp)
	jne	enter
	mov	$FEED_PORT, %edx
	out	%eax, %dx
	lea	8(%esp), %eax
	jmp	next
enter:
	mov	$ENTRY_MAGIC, %eax
	mov	%edx, %ecx
	mov	%ebp, %esi
	mov	%esp, %edi
	jmp	*(%edi)
	.size	loader_entry, . - loader_entry

	.section .note.GNU-stack, "", @progbits
