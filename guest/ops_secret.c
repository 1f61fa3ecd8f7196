// SPDX-License-Identifier: GPL-2.0-only
/*
 * Words that exist unmasked in one place only: the requested page. What goes in
 * or comes out is masked, and the XOR operates on memory itself, so that no
 * register or stack ever holds an unmasked word.
 */
#include "guest.h"

/* NOLINTNEXTLINE(readability-non-const-parameter): it is an operand */
static inline void put_masked(word64 *p, uint64_t masked, uint64_t mask)
{
	asm volatile("movq %2, %0; xorq %1, %0"
		     : "=&m"(*p)
		     : "r"(masked), "r"(mask)
		     : "cc");
}

static inline uint64_t get_masked(const word64 *p, uint64_t mask)
{
	asm volatile("xorq %1, %0" : "+r"(mask) : "m"(*p) : "cc");
	return mask;
}

/* These need not be unpredictable, as the host's mask is random. They must only
 * differ each time. */
static uint64_t next_random(struct percpu *pc)
{
	pc->random = splitmix64(pc->random ^ rdtsc() ^ (uint64_t)pc);
	return splitmix64(pc->random);
}

uint64_t op_secret(struct percpu *pc, uint64_t *w)
{
	uint64_t request = w[0], gpa = w[1], mask = w[2], masked;
	word64 *p = (word64 *)gpa;

	if (request > SECRET_WRITE || gpa % 8 ||
	    !map_range(pc->m, gpa, SECRET_BYTES))
		return ST_BAD_OP;
	for (int i = 0; i < SECRET_WORDS; i++) {
		if (request == SECRET_READ) {
			/* w[1] to w[3] are not needed any more */
			w[1 + i] = get_masked(&p[i], mask);
			continue;
		}
		masked = request == SECRET_PLANT ? next_random(pc) : w[3 + i];
		put_masked(&p[i], masked, mask);
		w[1 + i] = masked;
	}
	return ST_OK;
}
