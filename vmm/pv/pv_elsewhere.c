// SPDX-License-Identifier: GPL-2.0-only
/* Find where a poke's write went if it missed the guest's page. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "pv/pv.h"

/* 256 MiB: the scan stops there in a bigger guest. */
#define SCAN_PAGES 65536
/* Minimum alignment of a pv page, unless KVM accepts any. */
#define STEP	   4

struct wrote_search {
	const struct pv_page *page;
	bool found;
	uint64_t gpa;
};

/* Does the host read another page than the guest at @gpa? */
static bool is_alias(const struct pv_page *p, uint64_t gpa)
{
	struct memory *m = p->vm->memory;

	return m->mode == MEM_GMEM_PRIVATE && memory_is_private(m, gpa);
}

/* Return another pv page whose place overlaps @p at @gpa. Prefer one that is
 * on: KVM has a reason to write there. */
static const struct pv_page *page_owner(const struct pv_page *p, uint64_t gpa)
{
	const struct pv_page *off = NULL;

	for (unsigned int i = 0; i < p->vm->nr; i++) {
		const struct pv_page *o = &p->vm->pages[i];
		uint64_t at = o->gpa;

		if (o == p || gpa >= at + o->kind->size ||
		    at >= gpa + p->kind->size)
			continue;
		if (o->on)
			return o;
		off = o;
	}
	return off;
}

/* Can data found at @gpa be the lost write? Exclude active pv pages
 * and the guest's own memory, which holds its copies. At the page's
 * own gpa the data counts only if the host reads another page there:
 * otherwise the guest has read it. */
static bool may_be_lost_write(const struct pv_page *p, uint64_t gpa, bool alias)
{
	const uint64_t own = p->gpa;
	const struct pv_page *o;

	if (gpa < own + p->kind->size && own < gpa + p->kind->size)
		return alias;
	o = page_owner(p, gpa);
	return !(o && o->on) && gpa >= p->vm->own_end;
}

/* A callback of memory_scan(), which holds the memory lock. */
static bool look_at_page(void *arg, uint64_t gpa, const uint8_t *bytes)
{
	struct wrote_search *s = arg;
	const struct pv_page *p = s->page;
	const struct memory *m = p->vm->memory;
	const uint64_t step = p->kind->align < STEP ? 1 : STEP;
	const bool alias = m->mode == MEM_GMEM_PRIVATE &&
			   attrs_private(&m->attrs, gpa);

	for (uint64_t at = 0; at + p->kind->size <= PAGE_SIZE; at += step) {
		if (!p->kind->wrote(p, bytes + at) ||
		    !may_be_lost_write(p, gpa + at, alias))
			continue;
		s->found = true;
		s->gpa = gpa + at;
		return true;
	}
	return false;
}

/* Set *gpa to the @i-th likely place; return false after the last. */
static bool likely_place(const struct pv_page *p, unsigned int i, uint64_t *gpa)
{
	*gpa = i ? p->former : p->gpa;
	return i == 0 || (i == 1 && p->moved);
}

static void search_write(struct pv_page *p, struct vcpu *v,
			 struct wrote_search *s)
{
	uint8_t bytes[PAGE_SIZE];
	uint64_t pages;

	for (unsigned int i = 0; !s->found && likely_place(p, i, &s->gpa);
	     i++) {
		if (!may_be_lost_write(p, s->gpa, is_alias(p, s->gpa)))
			continue;
		if (p->kind->lands)
			s->found = p->kind->lands(p, v, s->gpa);
		else
			s->found = !memory_peek(p->vm->memory, s->gpa, bytes,
						p->kind->size, &pages, NULL) &&
				   p->kind->wrote(p, bytes);
	}
	if (!s->found && p->kind->wrote)
		memory_scan(p->vm->memory, SCAN_PAGES, look_at_page, s);
}

/* Return the place as a word and describe it in @text. */
static const char *place_name(const struct pv_page *p, uint64_t gpa,
			      char text[48])
{
	const struct pv_page *o = page_owner(p, gpa);

	if (is_alias(p, gpa)) {
		snprintf(text, 48, "the shared alias");
		return "alias";
	}
	if (p->moved && gpa == p->former) {
		snprintf(text, 48, "the page's former place");
		return "former";
	}
	snprintf(text, 48, "%s%.16s", o ? "the place of " : "other memory",
		 o ? o->name : "");
	return o ? o->name : "memory";
}

void pv_elsewhere(struct pv_page *p, struct vcpu *v, struct json *j,
		  char why[static 160])
{
	struct wrote_search s = { .page = p };
	const size_t n = strlen(why);
	char text[48];

	if (!p->kind->wrote && !p->kind->lands)
		return;
	search_write(p, v, &s);
	if (!s.found)
		return;
	json_object(j, "elsewhere");
	json_str(j, "where", place_name(p, s.gpa, text));
	json_hex(j, "gpa", s.gpa);
	json_object_end(j);
	snprintf(why + n, 160 - n, "%sthe poke wrote to %s, gpa 0x%" PRIx64,
		 n ? "; " : "", text, s.gpa);
}
