/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The use of the host's memory, to find leaked pages of any kind:
 *
 * - "unmapped": anonymous pages on the kernel's LRU lists that no page table maps.
 *   Each is counted in NR_ANON_MAPPED while it is mapped (mm/rmap.c) and leaves
 *   its list only with its last reference (mm/swap.c, __page_cache_release()). A
 *   kernel that keeps a reference leaves the page there.
 * - "lost": pages that are neither free nor in any counter of the kernel.
 */
#ifndef GPCVM_HOST_MEMORY_H
#define GPCVM_HOST_MEMORY_H

#include <stdbool.h>
#include <stdio.h>

struct host_memory {
	bool has_unmapped, has_lost; /* the kernel has the counters */
	long unmapped, lost;	     /* pages; exact but for pages in transit */
};

/* Read the counters in @proc ("/proc"). */
void host_memory_count(struct host_memory *m, const char *proc);
/* Count the "unmapped" pages by the flags of every page, /proc/kpageflags. Returns -1
 * if that cannot be read. */
long host_memory_unmapped(const char *proc);

/* Open the file @name in @proc; NULL with errno. */
FILE *proc_open(const char *proc, const char *name);
/* Parse a line "  WORD   123", of @word; false if it is another. */
bool proc_number(const char *line, const char *word, long *n);

#endif
