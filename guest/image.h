/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's ELF file, inside gpcvm. */
#ifndef GPCVM_GUEST_IMAGE_H
#define GPCVM_GUEST_IMAGE_H

extern const unsigned char guest_image_start[], guest_image_end[];

#endif
