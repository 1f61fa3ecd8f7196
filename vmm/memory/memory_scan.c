// SPDX-License-Identifier: GPL-2.0-only
/* Search all guest memory that the host sees. */
#include <string.h>
#include <sys/mman.h>

#include "base/copy.h"
#include "base/num.h"
#include "memory/memory_piece.h"

#define CHUNK 4096 /* pages per call of mincore() */

struct scan {
	struct memory *m;
	unsigned int left;
	bool (*fn)(void *arg, uint64_t gpa, const uint8_t *page);
	void *arg;
};

/* Scan the pages that are backed and readable: a poisoned page is not. */
static bool scan_chunk(struct scan *s, const struct mem_slot *slot,
		       uint64_t from, uint64_t pages)
{
	unsigned char there[CHUNK];
	uint8_t page[PAGE_SIZE];

	if (mincore(slot->hva + from, pages * PAGE_SIZE, there))
		return false;
	for (uint64_t i = 0; i < pages && s->left; i++) {
		const uint64_t at = from + i * PAGE_SIZE;

		if (!(there[i] & 1) ||
		    host_copy(page, slot->hva + at, PAGE_SIZE))
			continue;
		s->left--;
		if (s->fn(s->arg, slot->gpa + at, page))
			return true;
	}
	return false;
}

static bool scan_slot(struct scan *s, const struct mem_slot *slot)
{
	const struct mem_file *f = memory_file(s->m, slot);
	uint64_t pages;

	/* The mapping is inaccessible. */
	if (s->m->mode == MEM_GMEM && f && f->closed)
		return false;
	for (uint64_t at = 0; at < slot->size && s->left;
	     at += pages * PAGE_SIZE) {
		pages = (slot->size - at) / PAGE_SIZE;
		if (pages > CHUNK)
			pages = CHUNK;
		if (scan_chunk(s, slot, at, pages))
			return true;
	}
	return false;
}

void memory_scan(struct memory *m, unsigned int most,
		 bool (*fn)(void *arg, uint64_t gpa, const uint8_t *page),
		 void *arg)
{
	struct scan s = { m, most, fn, arg };

	pthread_rwlock_rdlock(&m->lock);
	for (unsigned int i = 0; i < m->nr_slots; i++)
		if (scan_slot(&s, &m->slots[i]))
			break;
	pthread_rwlock_unlock(&m->lock);
}
