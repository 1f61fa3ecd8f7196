// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages full of words that cannot be guessed without reading them: they derive
 * from a secret of this vCPU, which memory never holds unmasked.
 */
#include "guest.h"

#define PAGE_WORDS 512

static uint64_t get_secret(struct percpu *pc)
{
	if (!pc->secret_mask) {
		uint64_t seed = splitmix64(rdtsc() ^ (uint64_t)pc);

		pc->secret_mask = splitmix64(seed) | 1;
		/* The time elapsed since the first reading is unpredictable
		 * too. */
		pc->secret_masked = splitmix64(splitmix64(seed) ^ rdtsc()) ^
				    pc->secret_mask;
	}
	return pc->secret_masked ^ pc->secret_mask;
}

static uint64_t plant_canary(struct percpu *pc, uint64_t gpa)
{
	volatile word64 *p = (volatile word64 *)gpa;
	uint64_t seed = get_secret(pc) ^ gpa;
	uint32_t i;

	for (i = 0; i < PAGE_WORDS; i++)
		p[i] = splitmix64(seed ^ i);
	for (i = 0; i < CANARY_SLOTS; i++)
		if (pc->planted[i] == (gpa | 1))
			return CANARY_PLANT;
	pc->planted[pc->canary_next] = gpa | 1;
	pc->canary_next = (pc->canary_next + 1) % CANARY_SLOTS;
	return CANARY_PLANT;
}

static uint64_t check_canary(struct percpu *pc, uint64_t gpa, uint64_t *offset)
{
	const volatile word64 *p = (const volatile word64 *)gpa;
	uint64_t seed = get_secret(pc) ^ gpa, any = 0;
	uint32_t i = 0, first;

	while (i < CANARY_SLOTS && pc->planted[i] != (gpa | 1))
		i++;
	if (i == CANARY_SLOTS)
		return CANARY_NONE;
	for (i = 0; i < PAGE_WORDS && p[i] == splitmix64(seed ^ i); i++)
		;
	if (i == PAGE_WORDS)
		return CANARY_INTACT;
	first = i;
	*offset = first * 8ULL;
	for (i = 0; i < PAGE_WORDS && !any; i++)
		any = p[i];
	return any ? CANARY_CHANGED : CANARY_ZEROS;
}

uint64_t op_canary(struct percpu *pc, uint64_t *w)
{
	uint64_t gpa = w[0], request = w[1];

	if (gpa % 4096 || request > CANARY_CHECK ||
	    !map_range(pc->m, gpa, 4096))
		return ST_BAD_OP;
	w[2] = 0;
	if (request == CANARY_PLANT)
		w[1] = plant_canary(pc, gpa);
	else
		w[1] = check_canary(pc, gpa, &w[2]);
	return ST_OK;
}
