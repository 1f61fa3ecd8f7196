/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's direct map, as /proc/kcore shows it: an ELF core file with a
 * segment for each range of System RAM, where a page that the direct map does
 * not have reads as zeros (fs/proc/kcore.c, KCORE_RAM: the read goes through
 * copy_from_kernel_nofault(), and what that cannot read is zeros). Everything
 * here works on a file descriptor and keeps no state.
 */
#ifndef GPCVM_KCORE_H
#define GPCVM_KCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "guest/doorbell.h"

/* A piece of the direct map: whole pages. */
struct kcore_segment {
	uint64_t phys, size;
	uint64_t offset; /* in the file */
};

struct kcore_map {
	struct kcore_segment *segments; /* owned */
	unsigned int nr;
	uint64_t size; /* bytes in all of them */
};

/* A page that holds SECRET_WORDS words at @offset, known masked only. */
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
	bool (*stop)(void *arg); /* asked often: give up now? */
	void *arg;
	/* Out: */
	uint64_t scanned;    /* bytes, in whole pages, that were searched */
	uint64_t unreadable; /* bytes that the kernel did not hand out */
	bool stopped;	     /* by @stop: what was not found may be there */
};

/*
 * Find the direct map's segments. Errors: unsupported (no ELF core of an
 * x86-64 kernel, or one whose direct map cannot be told), os (a read failed).
 */
int kcore_map_read(int fd, struct kcore_map *map, struct err *e);
void kcore_map_free(struct kcore_map *map);

/*
 * Look through all segments for all secrets, until the last is found. A page
 * that cannot be read is counted and passed over. A hit says that the words
 * were there in that moment, not that the page is the one: a copy has them too
 * (the buffer that the kernel reads through, a page that was moved). Change them
 * and ask kcore_holds(). -1 (os) only if there is no memory for a buffer.
 */
int kcore_scan(int fd, const struct kcore_map *map, struct kcore_scan *s,
	       struct err *e);

/* Are these the words at physical address @phys (of the words, not of their
 * page) now? Reads no more than them. */
bool kcore_holds(int fd, const struct kcore_map *map, uint64_t phys,
		 const uint64_t masked[SECRET_WORDS], uint64_t mask);

#endif
