/* SPDX-License-Identifier: GPL-2.0-only */
/* The guests' ELF files, embedded in gpcvm: the tiny guest, and the program
 * that is the agent under Linux. */
#ifndef GPCVM_GUEST_IMAGE_H
#define GPCVM_GUEST_IMAGE_H

extern const unsigned char guest_image_start[], guest_image_end[];
extern const unsigned char linux_agent_start[], linux_agent_end[];

#endif
