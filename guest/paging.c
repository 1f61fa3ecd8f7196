// SPDX-License-Identifier: GPL-2.0-only
/*
 * Identity mapping, added lazily in 2 MiB pages. Tables come from a pool named
 * in the device tree. Nothing is ever unmapped: entries only change from not
 * present to present, so no TLB flush is needed.
 */
#include "guest.h"

#define PTE_TABLE   0x03ULL /* present, writable */
#define PTE_LARGE   0xe3ULL /* and accessed, dirty, large */
#define PTE_ADDRESS 0x000ffffffffff000ULL
#define PD_SHIFT    21
#define PDPT_SHIFT  30
#define PML4_SHIFT  39
#define MAP_LIMIT   (1ULL << 47) /* the non-negative canonical addresses */

extern uint64_t pml4[]; /* entry.S */

static void lock_tables(struct machine *m)
{
	while (__atomic_exchange_n(&m->lock, 1, __ATOMIC_ACQUIRE))
		asm volatile("pause");
}

static void unlock_tables(struct machine *m)
{
	__atomic_store_n(&m->lock, 0, __ATOMIC_RELEASE);
}

/* Return the table that entry @i of @up points to, allocating it if needed;
 * NULL if the pool is empty. */
static uint64_t *table_of(struct machine *m, uint64_t *up, uint64_t i)
{
	uint64_t *entry = &up[i];

	if (!*entry) {
		uint64_t page = m->pool;
		void *d = (void *)page;
		size_t n = 512;

		if (page >= m->pool_end)
			return NULL;
		m->pool += 4096;
		asm volatile("rep stosq"
			     : "+D"(d), "+c"(n)
			     : "a"(0UL)
			     : "memory");
		/* Release: other vCPUs walk the tables without the lock. */
		__atomic_store_n(entry, page | PTE_TABLE, __ATOMIC_RELEASE);
	}
	return (uint64_t *)(*entry & PTE_ADDRESS);
}

static bool map_large(struct machine *m, uint64_t gpa)
{
	uint64_t *t = table_of(m, pml4, gpa >> PML4_SHIFT);

	if (!t)
		return false;
	t = table_of(m, t, gpa >> PDPT_SHIFT & 511);
	if (!t)
		return false;
	t += gpa >> PD_SHIFT & 511;
	if (!*t)
		*t = (gpa & ~((1ULL << PD_SHIFT) - 1)) | PTE_LARGE;
	return true;
}

bool map_range(struct machine *m, uint64_t gpa, uint64_t len)
{
	uint64_t end = gpa + len;
	bool ok = true;

	if (end < gpa || end > MAP_LIMIT)
		return false;
	if (end <= MAP_STATIC)
		return true;
	lock_tables(m);
	for (gpa &= ~((1ULL << PD_SHIFT) - 1); ok && gpa < end;
	     gpa += 1ULL << PD_SHIFT)
		ok = map_large(m, gpa);
	unlock_tables(m);
	return ok;
}
