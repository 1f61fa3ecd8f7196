/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a kernel, for the fuzzers of the loaders: they are refused, or
 * what is to be loaded lies in memory of its kind, clear of all else, and comes
 * from inside the file. */
#ifndef GPCVM_TESTS_FUZZ_BOOT_IMAGE_H
#define GPCVM_TESTS_FUZZ_BOOT_IMAGE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"

#define FUZZ_MEM (64 * MIB)

static void require(bool holds)
{
	if (!holds)
		abort();
}

static bool in_memory(const struct boot *b, const struct boot_piece *p)
{
	for (unsigned int i = 0; i < b->nr_ranges; i++)
		if (b->map[i].type == (p->type ?: BOOT_RAM) &&
		    p->gpa >= b->map[i].gpa &&
		    p->gpa + p->size <= b->map[i].gpa + b->map[i].len)
			return true;
	return false;
}

static bool apart(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a + a_len <= b || b + b_len <= a;
}

/* @told: the register that says where what the kernel is told lies. */
static void look_at_boot(const struct boot *b, uint64_t told)
{
	static volatile uint8_t sink;

	require(b->nr_pieces >= 2 && b->nr_pieces <= BOOT_MAX_PIECES);
	require(b->loader && boot_covers(b, b->regs.rip) &&
		boot_covers(b, told));
	require(!b->lm.cr3 ||
		(boot_covers(b, b->lm.cr3) && boot_covers(b, b->lm.gdt)));
	for (unsigned int i = 0; i < b->nr_pieces; i++) {
		const struct boot_piece *p = &b->pieces[i];

		require(p->size && p->len <= p->size && in_memory(b, p));
		require(!b->window.len ||
			apart(p->gpa, p->size, b->window.gpa, b->window.len));
		for (unsigned int k = 0; k < i; k++)
			require(apart(p->gpa, p->size, b->pieces[k].gpa,
				      b->pieces[k].size));
		for (uint64_t at = 0; at < p->len; at++)
			sink = p->data[at]; /* for the address sanitizer */
	}
	(void)sink;
}

static void check_refusal(const struct err *e)
{
	require(e->kind == ERR_RANGE || e->kind == ERR_UNSUPPORTED ||
		e->kind == ERR_USAGE);
	require(e->msg[0]);
}

static struct bytes copy_of(const char *name, const uint8_t *data, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	require(p);
	memcpy(p, data, len);
	return (struct bytes){ .name = name, .data = p, .len = len };
}

static void *tree(void *arg, size_t *len, struct err *e)
{
	(void)e;
	require(arg);
	*len = 100;
	return calloc(1, *len);
}

/* The first byte of @data says how many modules there are, whether the first has
 * arguments, whether there is a window, RAM above 4 GiB, and a tree. */
static struct boot *boot_of(const uint8_t *data, size_t size)
{
	struct boot *b = calloc(1, sizeof(*b));

	require(b);
	b->append = "some args";
	b->vcpus = data[0] & 0x40 ? CONFIG_MAX_APICS : 1;
	boot_make_map(b, FUZZ_MEM, data[0] & 0x20 ? FUZZ_MEM : 0);
	if (data[0] & 0x80)
		b->window = (struct boot_range){ 0x10000, 0x90000, 0 };
	if (data[0] & 0x10)
		b->tree = tree;
	b->tree_arg = b;
	for (b->nr_modules = 0; b->nr_modules < (data[0] & 3U); b->nr_modules++)
		b->modules[b->nr_modules].image = copy_of("module", data, size);
	if (data[0] & 0x08)
		b->modules[0].args = "args";
	b->kernel = copy_of("kernel", data + 1, size - 1);
	return b;
}

static void end_boot(struct boot *b)
{
	boot_free(b);
	free(b);
}

/* What one loader makes of it; NULL, or a boot for end_boot(). */
static inline struct boot *fuzz_loader(const struct boot_loader *l,
				       const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct boot *b;

	if (size < 2)
		return NULL;
	b = boot_of(data, size);
	b->loader = l;
	if (l->match(b)) {
		if (!l->load(b, &e))
			return b;
		check_refusal(&e);
	}
	end_boot(b);
	return NULL;
}

#endif
