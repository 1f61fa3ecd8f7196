/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout of guest memory, for the built-in guests:
 *
 *	0		the window, shared with the host in every mode
 *	IMAGE_BASE	the image, then page by page the device tree, the pool
 *			for page tables, the vCPU areas
 *	own_end		the pv pages, then free RAM
 *
 * Without --slot, slot 0 ends at own_end, and slot 1 at the hole below 4 GiB, so that
 * a slot with pv pages can be deleted or moved under a running guest. More slots
 * follow above 4 GiB. All of them share one gmem file.
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
	uint64_t own_end; /* the guest's own memory is below */
	struct span pv;
	struct mem_plan plan;
	uint64_t low, high; /* RAM from 0; that of a --kernel from 4 GiB on */
};

/* The end of RAM below 4 GiB, as on a PC (I/O APIC, local APIC). */
#define LOW_RAM_END (3 * GIB)
/* Without two-dimensional paging KVM allocates 8 bytes per page of a slot in one
 * piece (memslot_rmap_alloc), at most INT_MAX. */
#define SLOT_MAX    (128 * GIB)

/* RAM that --guest linux leaves to commands. */
#define LINUX_SPARE (16 * MIB)

/* A --kernel gets all of RAM, except slots of --slot after a hole, or the last
 * LINUX_SPARE bytes: these are for commands, and not in the kernel's map.
 *
 * @image_len: bytes of the image from IMAGE_BASE on, bss included.
 * @pv_len: bytes of the pv pages. */
int layout_make(struct layout *l, const struct config *cfg, enum mem_mode mode,
		bool no_direct_map, uint64_t image_len, uint64_t pv_len,
		struct err *e);

/* Have the kernel's RAM begin shared, in a mode with private memory. */
void layout_share(struct layout *l);

#endif
