// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "model_world.h"

void world_make(struct world *w, enum mem_mode mode, enum gmem_family family,
		unsigned int nr)
{
	memset(w, 0, sizeof(*w));
	w->mem.mode = mode;
	w->mem.family = family;
	w->mem.out_of_map = family == GMEM_DIRECT_2024;
	w->mem.nr_slots = 4;
	w->mem.slots[0] = (struct mem_slot){ .size = SLOT, .present = true };
	w->mem.slots[1] = (struct mem_slot){ .gpa = SLOT,
					     .size = 8 * MIB,
					     .file = 1,
					     .offset = OFFSET,
					     .present = true };
	w->mem.slots[2] = (struct mem_slot){
		.gpa = TWIN, .size = MIB, .file = 1, .present = true
	};
	w->mem.slots[3] = (struct mem_slot){
		.gpa = BARE, .size = MIB, .file = MEM_NO_FILE, .present = true
	};
	attrs_init(&w->mem.attrs);
	if (mode == MEM_GMEM_PRIVATE)
		attrs_set(&w->mem.attrs, 0, AWAY + GIB, true);
	pthread_rwlock_init(&w->mem.lock, NULL);
	assert_int_equal(model_init(&w->model, &w->mem, nr, NULL), 0);
	for (unsigned int i = 0; i < nr; i++)
		model_describe(&w->model, i,
			       &(struct model_kind){ .size = SIZE,
						     .align = 1 });
}

void world_drop(struct world *w)
{
	model_free(&w->model);
	attrs_free(&w->mem.attrs);
	pthread_rwlock_destroy(&w->mem.lock);
}

void world_change(struct world *w, enum mem_change_kind kind, uint64_t gpa,
		  uint64_t len)
{
	struct mem_change ch = {
		.kind = kind, .gpa = gpa, .len = len, .file = 1
	};

	memory_begin(&w->mem, &ch);
	memory_end(&w->mem, &ch, false);
}

void world_convert(struct world *w, uint64_t gpa, uint64_t len, bool private)
{
	struct mem_change ch = { .kind = MEM_CONVERTED,
				 .gpa = gpa,
				 .len = len };

	memory_begin(&w->mem, &ch);
	attrs_set(&w->mem.attrs, gpa, gpa + len, private);
	memory_end(&w->mem, &ch, false);
}

void world_close_file(struct world *w)
{
	struct mem_change ch = { .kind = MEM_CLOSED, .file = 1 };

	memory_begin(&w->mem, &ch);
	w->mem.files[1].closed = true;
	memory_end(&w->mem, &ch, false);
}

void world_delete_slot(struct world *w)
{
	struct mem_slot *s = &w->mem.slots[1];
	struct mem_change ch = { .kind = MEM_SLOT_GONE,
				 .gpa = s->gpa,
				 .len = s->size };

	memory_begin(&w->mem, &ch);
	s->present = false;
	memory_end(&w->mem, &ch, false);
}

void world_restore_slot(struct world *w, uint64_t gpa)
{
	struct mem_slot *s = &w->mem.slots[1];
	struct mem_change ch = { .kind = MEM_SLOT_THERE,
				 .gpa = gpa,
				 .len = s->size };

	memory_begin(&w->mem, &ch);
	s->present = true;
	memory_end(&w->mem, &ch, false);
	s->gpa = gpa;
}

enum model_expect world_use(struct world *w, unsigned int i)
{
	struct model_use u;

	model_begin(&w->model, i, &u);
	return model_end(&w->model, i, &u);
}

/* One operation, on the page of entry 0 at @gpa. */
void world_act(struct world *w, char op, uint64_t gpa)
{
	const uint64_t page = gpa & ~(PAGE_SIZE - 1);

	switch (op) {
	case 'u': /* poke, check */
		world_use(w, 0);
		break;
	case 'p': /* punch */
		world_change(w, MEM_PUNCHED, page, PAGE_SIZE);
		break;
	case '<': /* what ends right before it */
		world_change(w, MEM_PUNCHED, page - 4 * PAGE_SIZE,
			     4 * PAGE_SIZE);
		world_convert(w, page - 4 * PAGE_SIZE, 4 * PAGE_SIZE, false);
		break;
	case '>': /* what starts right after it */
		world_change(w, MEM_PUNCHED, page + PAGE_SIZE, 4 * PAGE_SIZE);
		world_convert(w, page + PAGE_SIZE, 4 * PAGE_SIZE, false);
		break;
	case 's': /* attr shared, private */
		world_convert(w, page, PAGE_SIZE, false);
		break;
	case 'S':
		world_convert(w, page, PAGE_SIZE, true);
		break;
	case 'e': /* poison: error_remove_folio, or the mapped page */
		world_change(w, MEM_POISONED, page, PAGE_SIZE);
		break;
	case 'x': /* the last close */
		world_close_file(w);
		break;
	case 'd':
		world_delete_slot(w);
		break;
	case 'r':
		world_restore_slot(w, SLOT);
		break;
	case 'm':
		world_delete_slot(w);
		world_restore_slot(w, AWAY);
		break;
	case 'o':
		model_switch(&w->model, 0, gpa, false, false);
		break;
	case 'i':
		model_switch(&w->model, 0, gpa, true, false);
		break;
	default:
		fail_msg("no operation %c", op);
	}
}

/* Describe a cache as "valid private owed 1 present fresh": its
 * state, the references on its page, the direct map of the guest's
 * page, and the expected verdict. */
const char *world_state(struct world *w, unsigned int i, unsigned int k)
{
	static char text[96];
	const struct model_entry *n = &w->model.entries[i];
	const struct model_cache *c = &n->cache[k];
	unsigned int refs;
	char count[8] = "?";

	if (model_refs(&w->model, c, &refs))
		snprintf(count, sizeof(count), "%u", refs);
	snprintf(text, sizeof(text), "%s%s%s %s %s %s",
		 !c->active ? "off"
		 : !c->sure ? "unknown"
		 : c->valid ? "valid"
			    : "invalid",
		 c->sure && c->private ? " private" : "",
		 c->sure && c->held && !c->valid ? " owed" : "", count,
		 model_map_name(model_map_locked(&w->model, c->gpa)),
		 model_expect_name(model_expect_locked(&w->model, n)));
	return text;
}

void world_split(struct world *w, enum gmem_family family)
{
	world_make(w, MEM_GMEM_PRIVATE, family, 1);
	model_switch(&w->model, 0, GPA + PAGE_SIZE - 16, true, false);
	assert_int_equal(w->model.entries[0].nr, 2);
}
