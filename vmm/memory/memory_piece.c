// SPDX-License-Identifier: GPL-2.0-only
/* Map a range of guest memory to its slot and the part of its file. */
#include <inttypes.h>

#include "base/num.h"
#include "memory/memory_piece.h"

struct mem_file *memory_file(struct memory *m, const struct mem_slot *s)
{
	if (m->mode == MEM_ANON || s->file == MEM_NO_FILE)
		return NULL;
	return &m->files[s->file];
}

/* Prefer a slot that KVM has: it may be in the place of a deleted one. */
struct mem_slot *memory_slot(struct memory *m, uint64_t gpa)
{
	struct mem_slot *deleted = NULL;

	for (unsigned int i = 0; i < m->nr_slots; i++) {
		struct mem_slot *s = &m->slots[i];

		if (gpa < s->gpa || gpa - s->gpa >= s->size)
			continue;
		if (s->present)
			return s;
		if (!deleted || s->gone > deleted->gone)
			deleted = s;
	}
	return deleted;
}

/* Return how much of @s, from @gpa on, no slot that begins there hides. */
static uint64_t visible(struct memory *m, const struct mem_slot *s,
			uint64_t gpa)
{
	uint64_t len = s->size - (gpa - s->gpa);

	for (unsigned int i = 0; i < m->nr_slots; i++) {
		const uint64_t at = m->slots[i].gpa;

		if (at > gpa && at - gpa < len &&
		    memory_slot(m, at) == &m->slots[i])
			len = at - gpa;
	}
	return len;
}

bool memory_piece(struct memory *m, uint64_t gpa, uint64_t len,
		  struct mem_piece *p)
{
	struct mem_slot *s = memory_slot(m, gpa);

	if (!s || !len)
		return false;
	*p = (struct mem_piece){
		.slot = s,
		.gpa = gpa,
		.len = visible(m, s, gpa),
		.offset = s->offset + (gpa - s->gpa),
		.hva = s->hva + (gpa - s->gpa),
	};
	if (p->len > len)
		p->len = len;
	return true;
}

int memory_check_locked(struct memory *m, uint64_t gpa, uint64_t len,
			uint64_t align, struct err *e)
{
	struct mem_piece p;

	if (!len)
		return err_range(e, "length 0 at gpa 0x%" PRIx64, gpa);
	if ((gpa | len) & (align - 1))
		return err_range(e,
				 "gpa 0x%" PRIx64 " and length 0x%" PRIx64
				 " must be multiples of %" PRIu64,
				 gpa, len, align);
	if (gpa + len < gpa)
		return err_range(e,
				 "gpa 0x%" PRIx64 " plus length 0x%" PRIx64
				 " wraps around",
				 gpa, len);
	for (uint64_t at = gpa, left = len; left; at += p.len, left -= p.len)
		if (!memory_piece(m, at, left, &p))
			return err_range(
				e, "gpa 0x%" PRIx64 " is not in RAM%s", at,
				at == gpa ? ""
					  : " (the range ends outside of "
					    "it)");
	return 0;
}

int memory_open_locked(struct memory *m, const struct mem_piece *p,
		       struct err *e)
{
	const struct mem_file *f = memory_file(m, p->slot);

	if (!f || !f->closed)
		return 0;
	return err_state(e,
			 "gpa 0x%" PRIx64 " is in slot %td, whose gmem file %u "
			 "is closed (slot close)",
			 p->gpa, p->slot - m->slots, p->slot->file);
}
