/* SPDX-License-Identifier: GPL-2.0-only */
	.section .rodata
	.balign	16
	.globl	guest_image_start
	.globl	guest_image_end
guest_image_start:
	.incbin	GUEST_IMAGE
guest_image_end:

	.section .note.GNU-stack, "", @progbits
