// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as a kernel: they are refused, or what is to be loaded lies in RAM,
 * clear of all else, and comes from inside the file. The first byte says how
 * many modules there are and whether there is a window. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "boot.h"

#define MEM (64 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static bool in_ram(const struct boot *b, const struct boot_piece *p)
{
	for (unsigned int i = 0; i < b->nr_ranges; i++)
		if (b->map[i].type == BOOT_RAM && p->gpa >= b->map[i].gpa &&
		    p->gpa + p->size <= b->map[i].gpa + b->map[i].len)
			return true;
	return false;
}

static bool apart(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a + a_len <= b || b + b_len <= a;
}

static void look(const struct boot *b)
{
	static volatile uint8_t sink;

	require(b->nr_pieces >= 2 && b->nr_pieces <= BOOT_MAX_PIECES);
	require(b->loader && boot_covers(b, b->regs.rip) &&
		boot_covers(b, b->regs.rbx));
	for (unsigned int i = 0; i < b->nr_pieces; i++) {
		const struct boot_piece *p = &b->pieces[i];

		require(p->size && p->len <= p->size && in_ram(b, p));
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

static struct bytes copy(const char *name, const uint8_t *data, size_t len)
{
	uint8_t *p = malloc(len ? len : 1);

	require(p);
	memcpy(p, data, len);
	return (struct bytes){ .name = name, .data = p, .len = len };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct boot *b = calloc(1, sizeof(*b));
	struct err e = { 0 };

	require(b);
	if (size < 2) {
		free(b);
		return 0;
	}
	b->append = "some args";
	boot_make_map(b, MEM, 0);
	if (data[0] & 0x80)
		b->window = (struct boot_range){ 0x10000, 0x90000, 0 };
	for (b->nr_modules = 0; b->nr_modules < (data[0] & 3); b->nr_modules++)
		b->modules[b->nr_modules].image = copy("module", data, size);
	b->kernel = copy("kernel", data + 1, size - 1);
	if (boot_parse(b, &e))
		require(e.kind == ERR_RANGE || e.kind == ERR_UNSUPPORTED);
	else
		look(b);
	boot_free(b);
	free(b);
	return 0;
}
