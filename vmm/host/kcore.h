/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read the host's direct map through /proc/kcore: an ELF core file with a
 * segment for each range of System RAM. A page missing from the direct map
 * reads as zeros (fs/proc/kcore.c, KCORE_RAM: reads go through
 * copy_from_kernel_nofault(), and a fault gives zeros). All functions take a
 * file descriptor and keep no state.
 */
#ifndef GPCVM_KCORE_H
#define GPCVM_KCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "guest/doorbell.h"

/* A piece of the direct map, in whole pages. */
struct kcore_segment {
	uint64_t phys, size;
	uint64_t offset; /* in the file */
};

struct kcore_map {
	struct kcore_segment *segments; /* owned */
	unsigned int nr;
	uint64_t size; /* bytes in all segments */
};

/* A page that holds SECRET_WORDS words at @offset. Only their masked form is
 * kept. */
struct kcore_secret {
	uint64_t masked[SECRET_WORDS];
	uint32_t offset; /* in its page; a multiple of 8 */
	bool found;
	uint64_t phys;	 /* of the page, once found */
	unsigned int id; /* the caller's */
};

struct kcore_scan {
	uint64_t mask;		      /* of all secrets */
	struct kcore_secret *secrets; /* sorted by kcore_scan() */
	unsigned int nr, found;
	bool (*stop)(void *arg); /* polled: stop now? */
	void *arg;
	/* Out: */
	uint64_t scanned;    /* bytes searched, in whole pages */
	uint64_t unreadable; /* bytes that the kernel refused to read */
	bool stopped;	     /* @stop returned true: the search is incomplete */
};

/*
 * Find the segments of the direct map. Errors: unsupported (not an ELF core of
 * an x86-64 kernel, or the direct map cannot be identified), os (a read
 * failed).
 */
int kcore_map_read(int fd, struct kcore_map *map, struct err *e);
void kcore_map_free(struct kcore_map *map);

/*
 * Search all segments until every secret is found. Pages that cannot be read
 * are counted and skipped. A hit only means that the words were there at that
 * moment: it may be a copy of the page (the kernel's read buffer, a migrated
 * page). To confirm it, change the words and call kcore_holds(). -1 (os) only
 * if memory for the buffer runs out.
 */
int kcore_scan(int fd, const struct kcore_map *map, struct kcore_scan *s,
	       struct err *e);

/* Are these words now at physical address @phys (of the words, not of their
 * page)? Reads nothing else. */
bool kcore_holds(int fd, const struct kcore_map *map, uint64_t phys,
		 const uint64_t masked[SECRET_WORDS], uint64_t mask);

#endif
