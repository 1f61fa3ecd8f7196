// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "guest/doorbell.h"
#include "machine/layout.h"

/* The size of the tree: a fixed part, and a few nodes for each vCPU and slot. */
#define FDT_BASE     8192
#define FDT_PER_VCPU 512
#define FDT_PER_SLOT 256

/* of the end of slot 0 */
#define OWN_ALIGN    (64 * KIB)

static uint64_t table_pages(const struct mem_plan *plan)
{
	uint64_t n = 16; /* for slots that move */

	for (unsigned int i = 0; i < plan->nr; i++) {
		const struct mem_slot_plan *s = &plan->slots[i];
		uint64_t last = s->gpa + s->size - 1;

		n += (last >> 30) - (s->gpa >> 30) + 1;
		n += (last >> 39) - (s->gpa >> 39) + 1;
	}
	return n;
}

static void add_slot(struct mem_plan *plan, uint64_t gpa, uint64_t size,
		     uint64_t *offset)
{
	while (size) {
		uint64_t n = size < SLOT_MAX ? size : SLOT_MAX;

		plan->slots[plan->nr++] = (struct mem_slot_plan){
			.gpa = gpa, .size = n, .offset = *offset
		};
		gpa += n;
		size -= n;
		*offset += n;
	}
}

/* RAM in one piece below and one above the hole. */
static void plain_plan(struct mem_plan *plan, uint64_t mem)
{
	uint64_t low = mem < LOW_RAM_END ? mem : LOW_RAM_END, offset = 0;

	plan->nr = 0;
	add_slot(plan, 0, low, &offset);
	add_slot(plan, 4 * GIB, mem - low, &offset);
}

/* Split the slot around @gpa there. */
static void split_at(struct mem_plan *plan, uint64_t gpa)
{
	struct mem_slot_plan *s = plan->slots;
	uint64_t first;

	while (gpa - s->gpa >= s->size)
		s++;
	first = gpa - s->gpa;
	memmove(s + 1, s, (size_t)(plan->slots + plan->nr - s) * sizeof(*s));
	plan->nr++;
	s[0].size = first;
	s[1].gpa += first;
	s[1].offset += first;
	s[1].size -= first;
}

static uint64_t put_span(struct span *s, uint64_t at, uint64_t len)
{
	s->gpa = at;
	s->len = align_up(len, PAGE_SIZE);
	return at + s->len;
}

static uint64_t ram_from_zero(const struct mem_plan *plan)
{
	uint64_t end = 0;

	/* Slots in any order: grow until none continues. */
	for (unsigned int round = 0; round < plan->nr; round++)
		for (unsigned int i = 0; i < plan->nr; i++)
			if (plan->slots[i].gpa == end)
				end += plan->slots[i].size;
	return end;
}

static uint64_t fdt_len(const struct layout *l, const struct config *cfg)
{
	return FDT_BASE + l->plan.nr * FDT_PER_SLOT +
	       (cfg->append ? strlen(cfg->append) : 0) +
	       (uint64_t)cfg->vcpus * FDT_PER_VCPU;
}

/* Reserve the end of RAM, in a slot of its own that is not in Linux's map, for commands
 * and storms. */
static int take_spare(struct layout *l, struct err *e)
{
	uint64_t *part = l->high ? &l->high : &l->low;
	char have[24];

	if (*part <= LINUX_SPARE + MEM_MIN)
		return err_range(e,
				 "%s of RAM in one piece is too little for "
				 "--guest linux, which leaves 16M to commands",
				 num_size(*part, have));
	*part -= LINUX_SPARE;
	split_at(&l->plan, l->high ? 4 * GIB + l->high : l->low);
	return 0;
}

static int make_kernel(struct layout *l, const struct config *cfg,
		       struct err *e)
{
	char have[24];

	if (!cfg->nr_slots)
		l->high = cfg->mem - l->low;
	if (cfg->agent && !cfg->nr_slots && take_spare(l, e))
		return -1;
	if (l->low < MEM_MIN)
		return err_range(e,
				 "%s of RAM from gpa 0 on is too little for a "
				 "kernel: use at least 2M",
				 num_size(l->low, have));
	put_span(&l->window, WINDOW_BASE, WINDOW_SIZE);
	l->fdt.len = align_up(fdt_len(l, cfg), PAGE_SIZE);
	l->own_end = l->high ? 4 * GIB + l->high : l->low;
	return 0;
}

void layout_share(struct layout *l)
{
	for (unsigned int i = 0; i < l->plan.nr; i++)
		if (l->plan.slots[i].gpa < l->own_end)
			l->plan.slots[i].shared = true;
}

int layout_make(struct layout *l, const struct config *cfg, enum mem_mode mode,
		bool no_direct_map, uint64_t image_len, uint64_t pv_len,
		struct err *e)
{
	uint64_t at;
	char need[24], have[24];

	memset(l, 0, sizeof(*l));
	l->plan.mode = mode;
	l->plan.no_direct_map = no_direct_map;
	if (cfg->nr_slots) {
		l->plan.nr = cfg->nr_slots;
		memcpy(l->plan.slots, cfg->slots, sizeof(l->plan.slots));
	} else {
		plain_plan(&l->plan, cfg->mem);
	}
	if (mem_plan_check(&l->plan, e))
		return -1;
	l->low = ram_from_zero(&l->plan);
	if (cfg->kernel)
		return make_kernel(l, cfg, e);
	put_span(&l->window, WINDOW_BASE, WINDOW_SIZE);
	at = put_span(&l->image, IMAGE_BASE, image_len);
	at = put_span(&l->fdt, at, fdt_len(l, cfg));
	at = put_span(&l->tables, at, table_pages(&l->plan) * PAGE_SIZE);
	at = put_span(&l->areas, at, (uint64_t)cfg->vcpus * VCPU_AREA_SIZE);
	l->own_end = align_up(at, OWN_ALIGN);
	at = put_span(&l->pv, l->own_end, pv_len);
	/* And one free page, for commands. */
	if (at + PAGE_SIZE > l->low)
		return err_range(
			e,
			"%s of RAM from gpa 0 on is too little for %u vCPUs: "
			"use at least %s",
			num_size(l->low, have), cfg->vcpus,
			num_size(align_up(at + PAGE_SIZE, MIB), need));
	if (!cfg->nr_slots)
		split_at(&l->plan, l->own_end);
	return 0;
}
