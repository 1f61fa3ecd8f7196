// SPDX-License-Identifier: GPL-2.0-only
/* Operations on guest memory; doorbell.h describes their words. */
#include "guest.h"

uint64_t op_nop(struct percpu *pc UNUSED, uint64_t *w UNUSED)
{
	return ST_OK;
}

/* Spin without causing exits, even if KVM sometimes intercepts RDTSC. */
/* NOLINTNEXTLINE(readability-non-const-parameter): it is an op_fn */
uint64_t op_spin(struct percpu *pc UNUSED, uint64_t *w)
{
	const uint64_t start = rdtsc();

	while (rdtsc() - start < w[0])
		for (volatile uint32_t i = 0; i < 10000; i++)
			;
	return ST_OK;
}

/* Copy with the largest access that fits and is aligned on both sides. */
static size_t copy_some(char *to, const char *from, uint64_t addr, size_t len)
{
	if (!(addr & 7) && len >= 8) {
		*(volatile word64 *)to = *(const volatile word64 *)from;
		return 8;
	}
	if (!(addr & 3) && len >= 4) {
		*(volatile word32 *)to = *(const volatile word32 *)from;
		return 4;
	}
	if (!(addr & 1) && len >= 2) {
		*(volatile word16 *)to = *(const volatile word16 *)from;
		return 2;
	}
	*(volatile char *)to = *(const volatile char *)from;
	return 1;
}

/* @addr is the requested address, on the guest memory's side. */
static void copy_aligned(char *to, const char *from, uint64_t addr, size_t len)
{
	while (len) {
		size_t n = copy_some(to, from, addr, len);

		to += n;
		from += n;
		addr += n;
		len -= n;
	}
}

uint64_t op_read(struct percpu *pc, uint64_t *w)
{
	uint64_t gpa = w[0], len = w[1];

	if (!len || len > (DB_WORDS - 1) * 8UL || !map_range(pc->m, gpa, len))
		return ST_BAD_OP;
	for (int i = 1; i < DB_WORDS; i++)
		w[i] = 0;
	copy_aligned((char *)&w[1], (const char *)gpa, gpa, len);
	return ST_OK;
}

uint64_t op_write(struct percpu *pc, uint64_t *w)
{
	uint64_t gpa = w[0], size = w[1];

	if (!size || size > 8 || size & (size - 1) ||
	    !map_range(pc->m, gpa, size))
		return ST_BAD_OP;
	copy_aligned((char *)gpa, (const char *)&w[2], gpa, size);
	return ST_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is an op_fn */
uint64_t op_fill(struct percpu *pc, uint64_t *w)
{
	uint64_t gpa = w[0], len = w[1], n = len / 8;
	uint64_t pattern = (w[2] & 0xff) * 0x0101010101010101;
	void *d = (void *)gpa;

	if (!map_range(pc->m, gpa, len))
		return ST_BAD_OP;
	asm volatile("rep stosq" : "+D"(d), "+c"(n) : "a"(pattern) : "memory");
	n = len % 8;
	asm volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(pattern) : "memory");
	return ST_OK;
}

uint64_t op_hash(struct percpu *pc, uint64_t *w)
{
	uint64_t gpa = w[0], len = w[1], h = w[2];
	const volatile word64 *p = (const volatile word64 *)gpa;

	if (len % 8 || !map_range(pc->m, gpa, len))
		return ST_BAD_OP;
#pragma GCC unroll 8
	for (uint64_t n = len / 8; n; n--)
		h = (h ^ *p++) * HASH_PRIME;
	w[1] = h;
	return ST_OK;
}

uint64_t op_touch(struct percpu *pc, uint64_t *w)
{
	uint64_t gpa = w[0], len = w[1], pages = 0;

	if (!len || !map_range(pc->m, gpa, len))
		return ST_BAD_OP;
	for (uint64_t p = gpa & ~4095ULL; p < gpa + len; p += 4096, pages++) {
		/* Write without changing data, even if others write at the same
		 * time. */
		if (w[2])
			asm volatile("lock; orb $0, %0"
				     : "+m"(*(volatile char *)p));
		else
			(void)*(volatile char *)p;
	}
	w[1] = pages;
	return ST_OK;
}
