// SPDX-License-Identifier: GPL-2.0-only
/* What all loaders share: the map of memory, and the pieces in it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"

/* The PC's map below 1 MiB: the extended BIOS data area, and the BIOS. */
#define LOW_END	 0x9fc00
#define EBDA_END 0xa0000

/* ---- memory ------------------------------------------------------------- */

static void add_range(struct boot *b, uint64_t gpa, uint64_t end, uint32_t type)
{
	if (end > gpa)
		b->map[b->nr_ranges++] =
			(struct boot_range){ gpa, end - gpa, type };
}

void boot_make_map(struct boot *b, uint64_t low, uint64_t high)
{
	b->nr_ranges = 0;
	add_range(b, 0, low < LOW_END ? low : LOW_END, BOOT_RAM);
	add_range(b, LOW_END, EBDA_END, BOOT_RESERVED);
	add_range(b, BOOT_BIOS, MIB, BOOT_RESERVED);
	add_range(b, MIB, low, BOOT_RAM);
	add_range(b, 4 * GIB, 4 * GIB + high, BOOT_RAM);
}

/* Is all of it in one range of @type? No sum wraps, because no range does. */
static bool is_type(const struct boot *b, uint64_t gpa, uint64_t size,
		    uint32_t type)
{
	for (unsigned int i = 0; i < b->nr_ranges; i++) {
		const struct boot_range *r = &b->map[i];

		if (r->type == type && gpa >= r->gpa && size <= r->len &&
		    gpa - r->gpa <= r->len - size)
			return true;
	}
	return false;
}

/* The name of what overlaps @gpa, @size, which is in RAM, and its end in *end; or
 * NULL. */
static const char *find_overlap(const struct boot *b, uint64_t gpa,
				uint64_t size, uint64_t *end)
{
	if (ranges_overlap(gpa, size, b->window.gpa, b->window.len)) {
		*end = b->window.gpa + b->window.len;
		return "the window that the image is copied through";
	}
	for (unsigned int i = 0; i < b->nr_pieces; i++) {
		const struct boot_piece *p = &b->pieces[i];

		if (ranges_overlap(gpa, size, p->gpa, p->size)) {
			*end = p->gpa + p->size;
			return p->what;
		}
	}
	return NULL;
}

static int check_place(const struct boot *b, const struct boot_piece *p,
		       struct err *e)
{
	const char *other;
	uint64_t end;

	if (b->nr_pieces == BOOT_MAX_PIECES)
		return err_range(e, "%s: %s is one too many; at most %d",
				 b->kernel.name, p->what, BOOT_MAX_PIECES);
	if (!p->size || p->len > p->size ||
	    !is_type(b, p->gpa, p->size, p->type ?: BOOT_RAM))
		return err_range(
			e,
			"%s: %s, 0x%" PRIx64 " bytes at gpa "
			"0x%" PRIx64 ", is not in the guest's RAM: use a "
			"larger --mem, or an image for other addresses",
			b->kernel.name, p->what, p->size, p->gpa);
	other = find_overlap(b, p->gpa, p->size, &end);
	if (other)
		return err_range(e,
				 "%s: %s, 0x%" PRIx64 " bytes at gpa "
				 "0x%" PRIx64 ", overlaps %s",
				 b->kernel.name, p->what, p->size, p->gpa,
				 other);
	return 0;
}

int boot_put(struct boot *b, const struct boot_piece *p, struct err *e)
{
	if (check_place(b, p, e)) {
		free(p->owned);
		return -1;
	}
	b->pieces[b->nr_pieces++] = *p;
	return 0;
}

int boot_find(const struct boot *b, uint64_t from, uint64_t below,
	      uint64_t size, const char *what, uint64_t *gpa, struct err *e)
{
	char text[24];

	for (unsigned int i = 0; i < b->nr_ranges; i++) {
		const struct boot_range *r = &b->map[i];
		uint64_t at =
			align_up(r->gpa > from ? r->gpa : from, PAGE_SIZE);
		uint64_t end = r->gpa + r->len;

		if (end > below)
			end = below;
		while (r->type == BOOT_RAM && at < end && size <= end - at) {
			if (!find_overlap(b, at, size, gpa)) {
				*gpa = at;
				return 0;
			}
			at = align_up(*gpa, PAGE_SIZE);
		}
	}
	return err_range(e,
			 "%s: no room for %s, %s, in the guest's RAM from "
			 "0x%" PRIx64 " to 0x%" PRIx64 ": use a larger --mem",
			 b->kernel.name, what, num_size(size, text), from,
			 below);
}

void *boot_alloc(struct boot *b, const char *what, uint64_t from,
		 uint64_t below, uint64_t size, uint64_t *gpa, struct err *e)
{
	struct boot_piece p = { .size = size, .len = size };

	snprintf(p.what, sizeof(p.what), "%s", what);
	if (boot_find(b, from, below, size, what, &p.gpa, e))
		return NULL;
	p.data = p.owned = calloc(1, size);
	if (!p.owned) {
		err_os(e, ENOMEM, "memory for %s", what);
		return NULL;
	}
	*gpa = p.gpa;
	return boot_put(b, &p, e) ? NULL : p.owned;
}

bool boot_covers(const struct boot *b, uint64_t gpa)
{
	for (unsigned int i = 0; i < b->nr_pieces; i++)
		if (gpa >= b->pieces[i].gpa &&
		    gpa - b->pieces[i].gpa < b->pieces[i].size)
			return true;
	return false;
}

uint64_t boot_end(const struct boot *b)
{
	uint64_t end = MIB;

	for (unsigned int i = 0; i < b->nr_pieces; i++)
		if (b->pieces[i].gpa + b->pieces[i].size > end)
			end = b->pieces[i].gpa + b->pieces[i].size;
	return end;
}

char *boot_cmdline(const char *name, const char *args)
{
	char *s;

	if (asprintf(&s, "%s%s%s", name, args && *args ? " " : "",
		     args ? args : "") < 0)
		return NULL;
	return s;
}

void boot_free(struct boot *b)
{
	for (unsigned int i = 0; i < b->nr_pieces; i++)
		free(b->pieces[i].owned);
	for (unsigned int i = 0; i < b->nr_modules; i++) {
		bytes_free(&b->modules[i].image);
		free(b->modules[i].path);
	}
	bytes_free(&b->kernel);
	b->nr_pieces = b->nr_modules = 0;
}
