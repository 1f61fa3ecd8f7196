/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host's memory is used for, so that a page that nobody gives back is
 * seen whatever it was:
 *
 * - "unmapped": anonymous pages on the kernel's LRU lists that no page table maps.
 *   Each is counted in NR_ANON_MAPPED while it is mapped (mm/rmap.c) and leaves
 *   its list only with its last reference (mm/swap.c, __page_cache_release()). A
 *   kernel that keeps a reference leaves the page there.
 * - "lost": pages that are not free and that no counter of the kernel has.
 */
#ifndef GPCVM_HOST_MEMORY_H
#define GPCVM_HOST_MEMORY_H

#include <stdbool.h>

struct host_memory {
	bool has_unmapped, has_lost; /* the kernel has the counters */
	long unmapped, lost; /* in pages; exact but for pages under way */
};

/* Count, by the files in @proc ("/proc"). */
void host_memory_count(struct host_memory *m, const char *proc);
/* Read the flags of each page of the host in /proc/kpageflags and count those that
 * are "unmapped". Returns -1 where that cannot be read. */
long host_memory_unmapped(const char *proc);

#endif
