/* SPDX-License-Identifier: GPL-2.0-only */
	.section .rodata
	.balign	16
	.globl	guest_image_start
	.globl	guest_image_end
guest_image_start:
	.incbin	GUEST_IMAGE
guest_image_end:
	.balign	16
	.globl	linux_agent_start
	.globl	linux_agent_end
linux_agent_start:
	.incbin	LINUX_AGENT
linux_agent_end:

	.section .note.GNU-stack, "", @progbits
