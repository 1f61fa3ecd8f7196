// SPDX-License-Identifier: GPL-2.0-only
/* The order of a thread's operations, drawn from the storm's seed: the same
 * seed gives the same order on any machine. */
#include "base/num.h"
#include "storm/storm.h"

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014). */
static uint64_t splitmix64_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void storm_seed(struct storm_thread *t, uint64_t seed, unsigned int thread)
{
	uint64_t state = seed;

	/* With seed + thread, neighbouring threads would share their draws. */
	t->random = splitmix64_next(&state) ^
		    (thread + 1) * UINT64_C(0xd1342543de82ef95);
	t->order = UINT64_C(0xcbf29ce484222325);
}

/* 0..@n-1; 1 <= @n < 2^32. */
static uint64_t storm_draw(struct storm_thread *t, uint64_t n)
{
	return (splitmix64_next(&t->random) >> 32) * n >> 32;
}

/* FNV-1a over words. */
static void hash_order(struct storm_thread *t, uint64_t word)
{
	t->order = (t->order ^ word) * UINT64_C(0x100000001b3);
}

unsigned int storm_pick(struct storm_thread *t, unsigned int turn)
{
	if (t->w->any)
		turn = (unsigned int)storm_draw(t, t->w->nr_steps);
	hash_order(t, turn);
	return turn;
}

uint64_t storm_place(struct storm_thread *t, const struct storm_step *st,
		     uint64_t *len)
{
	uint64_t gpa = st->gpa;

	*len = st->len;
	if (!st->page)
		return gpa;
	gpa += storm_draw(t, st->len / PAGE_SIZE) * PAGE_SIZE;
	*len = PAGE_SIZE;
	hash_order(t, gpa);
	return gpa;
}
