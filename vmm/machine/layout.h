/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where everything is in guest memory, for the built-in guests:
 *
 *	0		the window, shared with the host in every mode
 *	IMAGE_BASE	the image, then page by page the device tree, the pool
 *			for page tables, the vCPU areas
 *	own_end		the pv pages, then free RAM
 *
 * Without --slot, slot 0 is what lies below own_end and slot 1 the rest (up to
 * the hole below 4 GiB), so that a slot with pv pages can be deleted or moved
 * under a running guest; more slots follow above 4 GiB. All of them are cut
 * from one gmem file.
 */
#ifndef GPCVM_LAYOUT_H
#define GPCVM_LAYOUT_H

#include "base/num.h"
#include "config/config.h"

struct span {
	uint64_t gpa, len;
};

struct layout {
	struct span window, image, fdt, tables, areas;
	uint64_t own_end; /* below it is the guest's own memory */
	struct span pv;
	struct mem_plan plan;
	uint64_t low, high; /* RAM of a --kernel: from 0, and from 4 GiB on */
};

/* RAM ends here below 4 GiB, as on a PC (I/O APIC, local APIC). */
#define LOW_RAM_END (3 * GIB)
/* KVM allocates 8 bytes a page for a slot in one piece where it has no
 * two-dimensional paging (memslot_rmap_alloc), at most INT_MAX. */
#define SLOT_MAX    (128 * GIB)

/* Of RAM, that --guest linux leaves to commands. */
#define LINUX_SPARE (16 * MIB)

/* A --kernel has all of RAM, but for what --slot puts behind a hole, or the last
 * LINUX_SPARE bytes: that is for commands, and the kernel is not told of it.
 *
 * @image_len: memory that the image takes from IMAGE_BASE on, bss included.
 * @pv_len: what the pv pages take. */
int layout_make(struct layout *l, const struct config *cfg, enum mem_mode mode,
		bool no_direct_map, uint64_t image_len, uint64_t pv_len,
		struct err *e);

/* In a mode with private memory, the kernel's RAM begins shared. */
void layout_share(struct layout *l);

#endif
