// SPDX-License-Identifier: GPL-2.0-only
/* The model of the caches against the rules for them: for each kernel, what is
 * done in turn and what is left of the cache afterwards. */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "model.h"
#include "num.h"

#define SLOT   (16 * MIB) /* slot 1: file 1 from OFFSET on */
#define OFFSET (2 * MIB)
#define AWAY   (64 * MIB) /* where it is moved to */
#define TWIN   (32 * MIB) /* slot 2: more of file 1 */
#define BARE   (48 * MIB) /* slot 3: no file */
#define GPA    (SLOT + 8 * PAGE_SIZE)
#define SIZE   64

struct world {
	struct memory mem;
	struct model model;
	struct mem_file *file;
};

static void make(struct world *w, enum mem_mode mode, enum gmem_family family,
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

static void drop(struct world *w)
{
	model_free(&w->model);
	attrs_free(&w->mem.attrs);
	pthread_rwlock_destroy(&w->mem.lock);
}

static void change(struct world *w, enum mem_change_kind kind, uint64_t gpa,
		   uint64_t len)
{
	struct mem_change ch = {
		.kind = kind, .gpa = gpa, .len = len, .file = 1
	};

	memory_begin(&w->mem, &ch);
	memory_end(&w->mem, &ch, false);
}

static void convert(struct world *w, uint64_t gpa, uint64_t len, bool private)
{
	struct mem_change ch = { .kind = MEM_CONVERTED,
				 .gpa = gpa,
				 .len = len };

	memory_begin(&w->mem, &ch);
	attrs_set(&w->mem.attrs, gpa, gpa + len, private);
	memory_end(&w->mem, &ch, false);
}

static void close_file(struct world *w)
{
	struct mem_change ch = { .kind = MEM_CLOSED, .file = 1 };

	memory_begin(&w->mem, &ch);
	w->mem.files[1].closed = true;
	memory_end(&w->mem, &ch, false);
}

static void delete_slot(struct world *w)
{
	struct mem_slot *s = &w->mem.slots[1];
	struct mem_change ch = { .kind = MEM_SLOT_GONE,
				 .gpa = s->gpa,
				 .len = s->size };

	memory_begin(&w->mem, &ch);
	s->present = false;
	memory_end(&w->mem, &ch, false);
}

static void restore_slot(struct world *w, uint64_t gpa)
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

static enum model_expect use(struct world *w, unsigned int i)
{
	struct model_use u;

	model_begin(&w->model, i, &u);
	return model_end(&w->model, i, &u);
}

/* One operation, on the page of entry 0 at @gpa. */
static void act(struct world *w, char op, uint64_t gpa)
{
	const uint64_t page = gpa & ~(PAGE_SIZE - 1);

	switch (op) {
	case 'u': /* poke, check */
		use(w, 0);
		break;
	case 'p': /* punch */
		change(w, MEM_PUNCHED, page, PAGE_SIZE);
		break;
	case '<': /* what ends right before it */
		change(w, MEM_PUNCHED, page - 4 * PAGE_SIZE, 4 * PAGE_SIZE);
		convert(w, page - 4 * PAGE_SIZE, 4 * PAGE_SIZE, false);
		break;
	case '>': /* what starts right after it */
		change(w, MEM_PUNCHED, page + PAGE_SIZE, 4 * PAGE_SIZE);
		convert(w, page + PAGE_SIZE, 4 * PAGE_SIZE, false);
		break;
	case 's': /* attr shared, private */
		convert(w, page, PAGE_SIZE, false);
		break;
	case 'S':
		convert(w, page, PAGE_SIZE, true);
		break;
	case 'e': /* poison: error_remove_folio, or the mapped page */
		change(w, MEM_POISONED, page, PAGE_SIZE);
		break;
	case 'x': /* the last close */
		close_file(w);
		break;
	case 'd':
		delete_slot(w);
		break;
	case 'r':
		restore_slot(w, SLOT);
		break;
	case 'm':
		delete_slot(w);
		restore_slot(w, AWAY);
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

/* "valid private owed 1 present fresh": the cache, the references on its page,
 * the direct map where the guest has it, and what a check would find. */
static const char *state(struct world *w, unsigned int i, unsigned int k)
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

struct rule {
	const char *ops, *after;
};

static void follow(enum mem_mode mode, enum gmem_family family, bool ghc,
		   bool by_hva, const struct rule *rules, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct world w;

		make(&w, mode, family, 1);
		w.model.entries[0].ghc = ghc;
		model_switch(&w.model, 0, GPA, true, by_hva);
		for (const char *op = rules[i].ops; *op; op++)
			act(&w, *op, GPA);
		if (strcmp(state(&w, 0, 0), rules[i].after))
			fail_msg("'%s': %s, not %s", rules[i].ops,
				 state(&w, 0, 0), rules[i].after);
		drop(&w);
	}
}

#define FOLLOW(mode, family, ghc, by_hva, rules)                               \
	follow(mode, family, ghc, by_hva, rules, ARRAY_SIZE(rules))

/* ---- a kernel whose gpcs resolve private gfns through gmem -------------- */

static void gpc_in_gmem_keeps_the_rules(void **state)
{
	static const struct rule rules[] = {
		/* One reference per cache, from the refresh that resolved the
		 * pfn; refreshing to the same pfn takes none. The reference
		 * puts the folio back into the direct map. */
		{ "", "valid private 1 present fresh" },
		{ "u", "valid private 1 present fresh" },
		{ "uu", "valid private 1 present fresh" },
		/* Punch: invalid; given up without unmapping. What became of
		 * the next page is unknown: KVM may have used it by itself. */
		{ "p", "invalid private 0 unknown fresh" },
		{ "pu", "valid private 1 present fresh" },
		{ "pp", "invalid private 0 unknown fresh" },
		{ "ppu", "valid private 1 present fresh" },
		/* error_remove_folio: the same; the page stays bad until it is
		 * punched. */
		{ "e", "invalid private 0 unknown unknown" },
		{ "eu", "invalid 0 unknown unknown" },
		{ "ep", "invalid private 0 unknown fresh" },
		{ "epu", "valid private 1 present fresh" },
		/* Last close: the same, for good. */
		{ "x", "invalid private 0 unknown absent" },
		{ "xu", "invalid 0 unknown absent" },
		{ "sxu", "valid 0 present fresh" },
		{ "sx", "invalid private 0 present fresh" },
		/* Attribute change: invalid; still held. The guest's page is
		 * now the alias, which is no page of gmem. */
		{ "s", "invalid private owed 1 present fresh" },
		/* ... until the next refresh, which finds another pfn. */
		{ "su", "valid 0 present fresh" },
		/* And back before a refresh: the same pfn again, which takes
		 * none. In between KVM may have used it. */
		{ "sS", "invalid private owed 1 unknown fresh" },
		{ "sSu", "valid private 1 present fresh" },
		{ "sSsSu", "valid private 1 present fresh" },
		/* And back after it. */
		{ "suS", "invalid 0 unknown fresh" },
		{ "suSu", "valid private 1 present fresh" },
		{ "suSus", "invalid private owed 1 present fresh" },
		/* A punch on a cache that an attribute change already
		 * invalidated: given up, it must not be skipped. */
		{ "sp", "invalid private 0 present fresh" },
		{ "spS", "invalid private 0 unknown fresh" },
		{ "spSu", "valid private 1 present fresh" },
		{ "spu", "valid 0 present fresh" },
		{ "sSp", "invalid private 0 unknown fresh" },
		{ "sSpu", "valid private 1 present fresh" },
		{ "sex", "invalid private 0 unknown unknown" },
		/* An attribute change on a cache that a punch invalidated. */
		{ "ps", "invalid private 0 present fresh" },
		{ "psS", "invalid private 0 unknown fresh" },
		{ "psu", "valid 0 present fresh" },
		/* Deactivation in every state: dropped, or given up. */
		{ "o", "off 0 absent absent" },
		{ "po", "off 0 absent absent" },
		{ "so", "off 0 present absent" },
		{ "soS", "off 0 absent absent" },
		{ "sSo", "off 0 absent absent" },
		{ "spo", "off 0 present absent" },
		{ "spSo", "off 0 absent absent" },
		{ "suo", "off 0 present absent" },
		{ "suSo", "off 0 absent absent" },
		{ "eo", "off 0 unknown absent" },
		{ "xo", "off 0 unknown absent" },
		{ "do", "off 0 unknown absent" },
		{ "oi", "valid private 1 present fresh" },
		{ "poi", "valid private 1 present fresh" },
		{ "soi", "valid 0 present fresh" },
		{ "oo", "off 0 absent absent" },
		{ "op", "off 0 absent absent" },
		{ "os", "off 0 present absent" },
		{ "oSu", "off 0 absent absent" },
		/* Only caches inside the range are touched. */
		{ "<", "valid private 1 present fresh" },
		{ ">", "valid private 1 present fresh" },
		{ "<>", "valid private 1 present fresh" },
		{ "s<>", "invalid private owed 1 present fresh" },
		/* Slots: still held until the next refresh, which fails. */
		{ "d", "invalid private owed 1 unknown absent" },
		{ "du", "invalid 0 unknown absent" },
		{ "dr", "invalid private owed 1 unknown fresh" },
		{ "dru", "valid private 1 present fresh" },
		{ "dur", "invalid 0 unknown fresh" },
		{ "duru", "valid private 1 present fresh" },
		{ "m", "invalid private owed 1 unknown absent" },
		{ "mu", "invalid 0 unknown absent" },
		/* A punch that finds no binding finds no cache through it. */
		{ "dp", "unknown ? unknown absent" },
		{ "dpru", "valid private 1 present fresh" },
		{ "dup", "unknown ? unknown absent" },
	};

	(void)state;
	FOLLOW(MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, false, false, rules);
}

/* ---- kernels whose caches write the alias ------------------------------- */

static void cache_of_the_alias_follows_the_alias_only(void **state)
{
	static const struct rule rules[] = {
		{ "", "valid 0 present stale" },
		{ "u", "valid 0 present stale" },
		/* The file's page is none of its business, nor are attributes. */
		{ "p", "valid 0 present stale" },
		{ "e", "valid 0 unknown unknown" },
		{ "ep", "valid 0 present stale" },
		{ "x", "valid 0 unknown absent" },
		{ "s", "valid 0 present fresh" },
		{ "sS", "valid 0 present stale" },
		/* Shared it is the guest's page, and the punch takes it. */
		{ "sp", "invalid 0 present fresh" },
		{ "spu", "valid 0 present fresh" },
		{ "spS", "invalid 0 present stale" },
		{ "se", "invalid 0 unknown unknown" },
		{ "seu", "invalid 0 unknown unknown" },
		{ "sep", "invalid 0 present fresh" },
		/* The alias is poisoned, the private page is not; a punch of
		 * what is private does not reach the alias. */
		{ "seS", "invalid 0 present unknown" },
		{ "seSps", "invalid 0 unknown unknown" },
		{ "sx", "valid 0 present fresh" },
		{ "d", "invalid 0 unknown absent" },
		{ "dr", "invalid 0 present stale" },
		{ "dru", "valid 0 present stale" },
		{ "m", "invalid 0 unknown absent" },
		{ "<>", "valid 0 present stale" },
		{ "o", "off 0 present absent" },
		{ "spo", "off 0 present absent" },
	};

	(void)state;
	FOLLOW(MEM_GMEM_PRIVATE, GMEM_PRIVATE, false, false, rules);
	FOLLOW(MEM_GMEM_PRIVATE, GMEM_MMAP, false, false, rules);
}

static void cache_by_hva_is_never_private_and_knows_no_slots(void **state)
{
	static const struct rule rules[] = {
		{ "", "valid 0 present stale" },
		{ "p", "valid 0 present stale" },
		{ "s", "valid 0 present fresh" },
		{ "sp", "invalid 0 present fresh" },
		{ "sS", "valid 0 present stale" },
		{ "x", "valid 0 unknown absent" },
		{ "sx", "valid 0 present fresh" },
		{ "d", "valid 0 unknown absent" },
		{ "du", "valid 0 unknown absent" },
		{ "dr", "valid 0 present stale" },
		{ "o", "off 0 present absent" },
	};

	(void)state;
	FOLLOW(MEM_GMEM_PRIVATE, GMEM_PRIVATE, false, true, rules);
}

static void ghc_writes_the_alias_and_takes_no_notice_of_punches(void **state)
{
	static const struct rule rules[] = {
		{ "", "valid 0 present stale" },
		{ "p", "valid 0 present stale" },
		{ "s", "valid 0 present fresh" },
		{ "sp", "valid 0 present fresh" },
		{ "d", "invalid 0 unknown absent" },
		{ "dru", "valid 0 present stale" },
		{ "se", "valid 0 unknown unknown" },
	};

	(void)state;
	FOLLOW(MEM_GMEM_PRIVATE, GMEM_PRIVATE, true, false, rules);
}

static void by_hva_or_ghc_is_the_same_where_gpcs_know_gmem(void **state)
{
	static const struct rule rules[] = {
		{ "p", "valid 0 absent stale" },
		{ "s", "valid 0 present fresh" },
		{ "u", "valid 0 absent stale" },
	};

	(void)state;
	FOLLOW(MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, true, false, rules);
	FOLLOW(MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, false, true, rules);
}

/* ---- memory that is all shared ------------------------------------------ */

static void mapped_file_is_invalidated_as_the_host_sees_it(void **state)
{
	static const struct rule rules[] = {
		{ "", "valid 0 present fresh" },
		{ "p", "invalid 0 present fresh" },
		{ "pu", "valid 0 present fresh" },
		{ "pp", "invalid 0 present fresh" },
		{ "e", "invalid 0 unknown unknown" },
		{ "eu", "invalid 0 unknown unknown" },
		{ "epu", "valid 0 present fresh" },
		{ "x", "invalid 0 unknown absent" },
		{ "xu", "invalid 0 unknown absent" },
		{ "d", "invalid 0 unknown absent" },
		{ "dr", "invalid 0 present fresh" },
		{ "m", "invalid 0 unknown absent" },
		{ "<", "valid 0 present fresh" },
		{ ">", "valid 0 present fresh" },
		{ "o", "off 0 present absent" },
		{ "po", "off 0 present absent" },
		{ "poi", "valid 0 present fresh" },
	};

	(void)state;
	FOLLOW(MEM_GMEM, GMEM_MMAP, false, false, rules);
	FOLLOW(MEM_GMEM, GMEM_DIRECT_2025, false, false, rules);
}

static void anonymous_memory_knows_no_files(void **state)
{
	static const struct rule rules[] = {
		{ "", "valid 0 present fresh" },
		{ "p", "invalid 0 present fresh" },
		{ "pu", "valid 0 present fresh" },
		{ "x", "valid 0 present fresh" },
		{ "e", "invalid 0 unknown unknown" },
		{ "epu", "valid 0 present fresh" },
		{ "d", "invalid 0 unknown absent" },
		{ "dru", "valid 0 present fresh" },
	};

	(void)state;
	FOLLOW(MEM_ANON, GMEM_NONE, false, false, rules);
}

/* Nobody has seen what their caches do with such a page. */
static void series_that_are_still_moving_are_not_guessed_at(void **unused)
{
	struct world w;

	(void)unused;
	make(&w, MEM_GMEM, GMEM_DIRECT_2025, 1);
	w.mem.out_of_map = true;
	model_switch(&w.model, 0, GPA, true, false);
	assert_string_equal(state(&w, 0, 0), "valid 0 absent unknown");
	drop(&w);
	make(&w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2025, 1);
	model_switch(&w.model, 0, GPA, true, false);
	assert_string_equal(state(&w, 0, 0), "valid 0 present unknown");
	drop(&w);
}

/* ---- several caches ----------------------------------------------------- */

static void two(struct world *w)
{
	make(w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 2);
	model_switch(&w->model, 0, GPA, true, false);
	model_switch(&w->model, 1, GPA + SIZE, true, false);
}

/* "Two caches, one folio": deactivating or moving one leaves the other working
 * and the folio in the direct map. */
static void packed_caches_hold_a_reference_each(void **unused)
{
	struct world w;

	(void)unused;
	two(&w);
	assert_string_equal(state(&w, 0, 0), "valid private 2 present fresh");
	model_switch(&w.model, 1, GPA + SIZE, false, false);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	model_switch(&w.model, 1, GPA + SIZE, true, false);
	model_switch(&w.model, 1, GPA + PAGE_SIZE, true, false);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	assert_string_equal(state(&w, 1, 0), "valid private 1 present fresh");
	model_switch(&w.model, 0, GPA, false, false);
	assert_string_equal(state(&w, 0, 0), "off 0 absent absent");
	assert_string_equal(state(&w, 1, 0), "valid private 1 present fresh");
	drop(&w);
}

static void one_punch_takes_the_references_of_all(void **unused)
{
	struct world w;

	(void)unused;
	two(&w);
	act(&w, 'p', GPA);
	assert_string_equal(state(&w, 0, 0), "invalid private 0 unknown fresh");
	assert_string_equal(state(&w, 1, 0), "invalid private 0 unknown fresh");
	use(&w, 0);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	assert_string_equal(state(&w, 1, 0), "invalid private 1 present fresh");
	model_switch(&w.model, 0, GPA, false, false);
	/* The other may have been used, or not. */
	assert_string_equal(state(&w, 1, 0), "invalid private 0 unknown fresh");
	use(&w, 1);
	assert_string_equal(state(&w, 1, 0), "valid private 1 present fresh");
	drop(&w);
}

static void references_are_owed_one_by_one_after_a_flip(void **unused)
{
	struct world w;

	(void)unused;
	two(&w);
	act(&w, 's', GPA);
	assert_string_equal(state(&w, 0, 0),
			    "invalid private owed 2 present fresh");
	use(&w, 0);
	assert_string_equal(state(&w, 0, 0), "valid 0 present fresh");
	assert_string_equal(state(&w, 1, 0),
			    "invalid private owed 1 present fresh");
	act(&w, 'S', GPA);
	assert_string_equal(state(&w, 1, 0),
			    "invalid private owed 1 unknown fresh");
	act(&w, 'p', GPA);
	assert_string_equal(state(&w, 1, 0), "invalid private 0 unknown fresh");
	drop(&w);
}

static void split(struct world *w, enum gmem_family family)
{
	make(w, MEM_GMEM_PRIVATE, family, 1);
	model_switch(&w->model, 0, GPA + PAGE_SIZE - 16, true, false);
	assert_int_equal(w->model.entries[0].nr, 2);
}

static void each_half_of_a_split_page_is_its_own(void **unused)
{
	struct world w;

	(void)unused;
	split(&w, GMEM_DIRECT_2024);
	act(&w, 'p', GPA);
	assert_string_equal(state(&w, 0, 0), "invalid private 0 unknown fresh");
	assert_string_equal(state(&w, 0, 1), "valid private 1 present fresh");
	use(&w, 0);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	act(&w, 's', GPA + PAGE_SIZE);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	assert_string_equal(state(&w, 0, 1),
			    "invalid private owed 1 present fresh");
	act(&w, '<', GPA);
	act(&w, '>', GPA + PAGE_SIZE);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	/* To where one page is enough: the other cache is off. */
	model_switch(&w.model, 0, GPA + PAGE_SIZE - SIZE, true, false);
	assert_int_equal(w.model.entries[0].nr, 1);
	assert_false(w.model.entries[0].cache[1].active);
	drop(&w);
}

static void halves_that_go_different_ways_are_not_guessed_at(void **unused)
{
	struct world w;

	(void)unused;
	split(&w, GMEM_PRIVATE);
	assert_int_equal(use(&w, 0), EXPECT_STALE);
	act(&w, 's', GPA);
	assert_int_equal(use(&w, 0), EXPECT_UNKNOWN);
	act(&w, 's', GPA + PAGE_SIZE);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	/* One that cannot be reached is enough. */
	model_switch(&w.model, 0, SLOT + 8 * MIB - 16, true, false);
	assert_int_equal(use(&w, 0), EXPECT_ABSENT);
	drop(&w);
}

/* ---- slots and files ---------------------------------------------------- */

static void page_of_a_file_is_found_through_the_slots_offset(void **unused)
{
	struct model_page p, q;
	struct world w;

	(void)unused;
	make(&w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 2);
	assert_true(model_guest_page(&w.model, GPA, &p));
	assert_int_equal(p.space, 1);
	assert_int_equal(p.index, OFFSET / PAGE_SIZE + 8);
	restore_slot(&w, AWAY);
	assert_true(model_guest_page(&w.model, AWAY + 8 * PAGE_SIZE + 5, &q));
	assert_true(model_same(p, q));
	assert_false(model_guest_page(&w.model, GPA, &p));
	drop(&w);
}

static void slots_that_share_a_file_share_its_end_and_no_pages(void **unused)
{
	struct world w;

	(void)unused;
	make(&w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 3);
	model_switch(&w.model, 0, GPA, true, false);
	model_switch(&w.model, 1, TWIN + 8 * PAGE_SIZE, true, false);
	model_switch(&w.model, 2, MIB, true, false); /* of file 0 */
	act(&w, 'p', TWIN + 8 * PAGE_SIZE);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	assert_string_equal(state(&w, 1, 0), "invalid private 0 unknown fresh");
	use(&w, 1);
	act(&w, 'x', 0);
	assert_string_equal(state(&w, 0, 0),
			    "invalid private 0 unknown absent");
	assert_string_equal(state(&w, 1, 0),
			    "invalid private 0 unknown absent");
	assert_string_equal(state(&w, 2, 0), "valid private 1 present fresh");
	drop(&w);
}

static void cache_keeps_the_page_of_the_slot_that_was_moved_away(void **unused)
{
	struct world w;

	(void)unused;
	two(&w);
	model_switch(&w.model, 1, MIB, true, false);
	act(&w, 'm', GPA);
	/* The page is elsewhere now, and still referenced, as far as known. */
	assert_int_equal(model_map_locked(&w.model, AWAY + 8 * PAGE_SIZE),
			 MODEL_MAP_UNKNOWN);
	use(&w, 0);
	assert_int_equal(model_map_locked(&w.model, AWAY + 8 * PAGE_SIZE),
			 MODEL_MAP_ABSENT);
	model_switch(&w.model, 0, AWAY + 8 * PAGE_SIZE, true, false);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	assert_string_equal(state(&w, 1, 0), "valid private 1 present fresh");
	drop(&w);
}

static void private_page_without_a_file_is_absent(void **unused)
{
	struct world w;

	(void)unused;
	make(&w, MEM_GMEM_PRIVATE, GMEM_PRIVATE, 1);
	model_switch(&w.model, 0, BARE, true, false);
	assert_int_equal(use(&w, 0), EXPECT_ABSENT);
	act(&w, 's', BARE);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	drop(&w);
}

static void pages_on_top_of_each_other_are_not_guessed_at(void **unused)
{
	struct world w;

	(void)unused;
	two(&w);
	model_switch(&w.model, 1, GPA + SIZE - 1, true, false);
	assert_int_equal(use(&w, 0), EXPECT_UNKNOWN);
	assert_int_equal(use(&w, 1), EXPECT_UNKNOWN);
	model_switch(&w.model, 1, GPA + SIZE - 1, false, false);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	drop(&w);
}

static void gpa_that_kvm_does_not_take_is_not_guessed_at(void **unused)
{
	struct world w;

	(void)unused;
	make(&w, MEM_ANON, GMEM_NONE, 1);
	model_describe(&w.model, 0,
		       &(struct model_kind){ .size = SIZE, .align = 64 });
	model_switch(&w.model, 0, GPA + 4, true, false);
	assert_int_equal(use(&w, 0), EXPECT_UNKNOWN);
	model_switch(&w.model, 0, GPA + 64, true, false);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	drop(&w);
}

static void only_what_kvm_does_not_write_over_can_be_scribbled_on(void **unused)
{
	struct world w;

	(void)unused;
	make(&w, MEM_ANON, GMEM_NONE, 1);
	model_switch(&w.model, 0, GPA, true, false);
	model_scribble(&w.model, GPA, SIZE);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	w.model.entries[0].fragile = true;
	model_scribble(&w.model, GPA - 8, 8);
	model_scribble(&w.model, GPA + SIZE, 8);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	model_scribble(&w.model, GPA + SIZE - 1, 8);
	assert_int_equal(use(&w, 0), EXPECT_UNKNOWN);
	assert_int_equal(use(&w, 0), EXPECT_UNKNOWN);
	act(&w, 'p', GPA);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	drop(&w);
}

static void too_many_poisoned_pages_make_all_unknown(void **unused)
{
	struct world w;

	(void)unused;
	make(&w, MEM_ANON, GMEM_NONE, 1);
	model_switch(&w.model, 0, GPA, true, false);
	for (uint64_t i = 0; i < MODEL_BAD; i++)
		change(&w, MEM_POISONED, SLOT + MIB + i * PAGE_SIZE, PAGE_SIZE);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	change(&w, MEM_PUNCHED, SLOT + MIB, PAGE_SIZE);
	change(&w, MEM_POISONED, SLOT + MIB, PAGE_SIZE);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	change(&w, MEM_POISONED, SLOT + 2 * MIB, PAGE_SIZE);
	assert_int_equal(use(&w, 0), EXPECT_UNKNOWN);
	drop(&w);
}

/* ---- what overlaps ------------------------------------------------------ */

static void plain(struct world *w)
{
	make(w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 2);
	model_switch(&w->model, 0, GPA, true, false);
	model_switch(&w->model, 1, TWIN, true, false);
}

static void punch_within_a_check_makes_it_unknown(void **unused)
{
	struct model_use u;
	struct world w;

	(void)unused;
	plain(&w);
	model_begin(&w.model, 0, &u);
	act(&w, 'p', GPA);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_UNKNOWN);
	assert_string_equal(state(&w, 0, 0), "unknown ? unknown fresh");
	use(&w, 0);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	drop(&w);
}

static void what_begins_before_or_ends_after_a_check_counts(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA,
				 .len = PAGE_SIZE };
	struct model_use u;
	struct world w;

	(void)unused;
	plain(&w);
	memory_begin(&w.mem, &ch);
	model_begin(&w.model, 0, &u);
	memory_end(&w.mem, &ch, false);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_UNKNOWN);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	model_begin(&w.model, 0, &u);
	memory_begin(&w.mem, &ch);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_UNKNOWN);
	assert_int_equal(use(&w, 0), EXPECT_UNKNOWN);
	memory_end(&w.mem, &ch, false);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	drop(&w);
}

static void what_is_done_elsewhere_does_not_count(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA - PAGE_SIZE,
				 .len = PAGE_SIZE };
	struct model_use u;
	struct world w;

	(void)unused;
	plain(&w);
	memory_begin(&w.mem, &ch);
	model_begin(&w.model, 0, &u);
	act(&w, '>', GPA);
	act(&w, 'p', TWIN);
	model_switch(&w.model, 1, TWIN, false, false);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_FRESH);
	memory_end(&w.mem, &ch, false);
	drop(&w);
}

static void switch_within_a_check_makes_it_unknown(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA,
				 .len = PAGE_SIZE };
	struct model_use u;
	struct world w;

	(void)unused;
	plain(&w);
	model_begin(&w.model, 0, &u);
	model_switch(&w.model, 0, GPA, false, false);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_UNKNOWN);
	assert_string_equal(state(&w, 0, 0), "off 0 absent absent");
	memory_begin(&w.mem, &ch);
	model_switch(&w.model, 0, GPA, true, false);
	memory_end(&w.mem, &ch, false);
	use(&w, 1);
	assert_string_equal(state(&w, 0, 0), "unknown ? unknown fresh");
	drop(&w);
}

static void change_that_failed_may_be_half_done(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA,
				 .len = PAGE_SIZE };
	struct world w;

	(void)unused;
	plain(&w);
	memory_begin(&w.mem, &ch);
	memory_end(&w.mem, &ch, true);
	assert_string_equal(state(&w, 0, 0), "unknown ? unknown fresh");
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	model_doubt(&w.model, 0);
	assert_string_equal(state(&w, 0, 0), "unknown ? unknown fresh");
	drop(&w);
}

static void blur_leaves_what_is_off_and_what_a_use_tells(void **unused)
{
	struct model_use u;
	struct world w;

	(void)unused;
	plain(&w);
	model_switch(&w.model, 1, TWIN, false, false);
	model_begin(&w.model, 0, &u);
	model_blur(&w.model);
	assert_int_equal(model_end(&w.model, 0, &u), EXPECT_UNKNOWN);
	assert_string_equal(state(&w, 0, 0), "unknown ? unknown fresh");
	/* What the other may hold is not known, either. */
	assert_string_equal(state(&w, 1, 0), "off ? unknown absent");
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	assert_string_equal(state(&w, 1, 0), "off 0 absent absent");
	drop(&w);
}

static void nothing_is_expected_while_it_is_suspended(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA,
				 .len = PAGE_SIZE };
	struct world w;

	(void)unused;
	plain(&w);
	model_suspend(&w.model);
	assert_int_equal(use(&w, 0), EXPECT_UNKNOWN);
	memory_begin(&w.mem, &ch); /* outlives the storm */
	act(&w, 'p', TWIN);
	model_resume(&w.model);
	assert_int_equal(use(&w, 0), EXPECT_UNKNOWN);
	assert_int_equal(use(&w, 1), EXPECT_UNKNOWN);
	memory_end(&w.mem, &ch, false);
	assert_string_equal(state(&w, 0, 0), "unknown ? unknown fresh");
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	assert_int_equal(use(&w, 1), EXPECT_FRESH);
	assert_string_equal(state(&w, 0, 0), "valid private 1 present fresh");
	drop(&w);
}

static void what_began_before_a_storm_may_end_in_it(void **unused)
{
	struct mem_change ch = { .kind = MEM_PUNCHED,
				 .gpa = GPA,
				 .len = PAGE_SIZE };
	struct world w;

	(void)unused;
	plain(&w);
	memory_begin(&w.mem, &ch);
	model_suspend(&w.model);
	memory_end(&w.mem, &ch, false);
	model_resume(&w.model);
	assert_null(w.model.flying);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	drop(&w);
}

static void poison_is_not_forgotten_in_a_storm(void **unused)
{
	struct world w;

	(void)unused;
	plain(&w);
	model_suspend(&w.model);
	act(&w, 'e', GPA);
	model_resume(&w.model);
	assert_int_equal(use(&w, 0), EXPECT_UNKNOWN);
	act(&w, 'p', GPA);
	assert_int_equal(use(&w, 0), EXPECT_FRESH);
	drop(&w);
}

/* ---- what is told ------------------------------------------------------- */

static bool tells(struct world *w, const char *text)
{
	struct json j;
	bool r;

	json_init(&j);
	json_object(&j, NULL);
	model_json(&w->model, 0, &j);
	json_object_end(&j);
	r = strstr(json_text(&j), text);
	if (!r)
		print_message("%s\n", json_text(&j));
	json_free(&j);
	return r;
}

static void json_has_an_object_for_each_cache(void **unused)
{
	uint64_t before, after;
	struct world w;

	(void)unused;
	split(&w, GMEM_DIRECT_2024);
	act(&w, 's', GPA + PAGE_SIZE);
	assert_true(tells(
		&w, "\"model\":[{\"active\":\"yes\",\"valid\":\"yes\","
		    "\"private\":\"yes\",\"unmap_owed\":\"no\",\"refs\":1,"
		    "\"direct_map\":\"present\",\"writes\":\"page\"},"
		    "{\"active\":\"yes\",\"valid\":\"no\",\"private\":\"yes\","
		    "\"unmap_owed\":\"yes\",\"refs\":1,"
		    "\"direct_map\":\"present\",\"writes\":\"page\"}]"));
	model_direct_map(&w.model, GPA, &before);
	model_blur(&w.model);
	assert_int_equal(model_direct_map(&w.model, GPA, &after),
			 MODEL_MAP_UNKNOWN);
	assert_int_not_equal(before, after);
	assert_true(tells(&w, "\"valid\":\"unknown\",\"private\":\"unknown\","
			      "\"unmap_owed\":\"unknown\",\"refs\":null,"
			      "\"direct_map\":\"unknown\""));
	drop(&w);
	make(&w, MEM_GMEM_PRIVATE, GMEM_PRIVATE, 1);
	model_switch(&w.model, 0, GPA, true, false);
	assert_true(tells(&w, "\"writes\":\"alias\""));
	act(&w, 'd', GPA);
	assert_true(tells(&w, "\"writes\":\"nowhere\""));
	drop(&w);
}

static bool nowhere(struct world *w)
{
	struct model_use u;

	model_begin(&w->model, 0, &u);
	model_end(&w->model, 0, &u);
	return u.nowhere;
}

static void kvm_may_write_nothing_where_no_page_is(void **unused)
{
	struct model_use u;
	struct world w;

	(void)unused;
	make(&w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2024, 1);
	model_switch(&w.model, 0, GPA, true, false);
	assert_false(nowhere(&w));
	act(&w, 'e', GPA);
	assert_true(nowhere(&w));
	act(&w, 'p', GPA); /* which gives it another page */
	assert_false(nowhere(&w));
	act(&w, 'd', GPA);
	assert_true(nowhere(&w));
	act(&w, 'r', GPA);
	act(&w, 'x', GPA);
	assert_true(nowhere(&w));
	model_begin(&w.model, 0, &u);
	act(&w, 's', GPA); /* meanwhile: it may have been written after */
	model_end(&w.model, 0, &u);
	assert_false(u.nowhere);
	assert_false(nowhere(&w));
	drop(&w);
	/* As far as private memory goes, others write the alias, always. */
	make(&w, MEM_GMEM_PRIVATE, GMEM_PRIVATE, 1);
	model_switch(&w.model, 0, GPA, true, false);
	act(&w, 'x', GPA);
	assert_false(nowhere(&w));
	drop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gpc_in_gmem_keeps_the_rules),
		cmocka_unit_test(cache_of_the_alias_follows_the_alias_only),
		cmocka_unit_test(
			cache_by_hva_is_never_private_and_knows_no_slots),
		cmocka_unit_test(
			ghc_writes_the_alias_and_takes_no_notice_of_punches),
		cmocka_unit_test(
			by_hva_or_ghc_is_the_same_where_gpcs_know_gmem),
		cmocka_unit_test(
			mapped_file_is_invalidated_as_the_host_sees_it),
		cmocka_unit_test(anonymous_memory_knows_no_files),
		cmocka_unit_test(
			series_that_are_still_moving_are_not_guessed_at),
		cmocka_unit_test(packed_caches_hold_a_reference_each),
		cmocka_unit_test(one_punch_takes_the_references_of_all),
		cmocka_unit_test(references_are_owed_one_by_one_after_a_flip),
		cmocka_unit_test(each_half_of_a_split_page_is_its_own),
		cmocka_unit_test(
			halves_that_go_different_ways_are_not_guessed_at),
		cmocka_unit_test(
			page_of_a_file_is_found_through_the_slots_offset),
		cmocka_unit_test(
			slots_that_share_a_file_share_its_end_and_no_pages),
		cmocka_unit_test(
			cache_keeps_the_page_of_the_slot_that_was_moved_away),
		cmocka_unit_test(private_page_without_a_file_is_absent),
		cmocka_unit_test(pages_on_top_of_each_other_are_not_guessed_at),
		cmocka_unit_test(gpa_that_kvm_does_not_take_is_not_guessed_at),
		cmocka_unit_test(
			only_what_kvm_does_not_write_over_can_be_scribbled_on),
		cmocka_unit_test(too_many_poisoned_pages_make_all_unknown),
		cmocka_unit_test(punch_within_a_check_makes_it_unknown),
		cmocka_unit_test(
			what_begins_before_or_ends_after_a_check_counts),
		cmocka_unit_test(what_is_done_elsewhere_does_not_count),
		cmocka_unit_test(switch_within_a_check_makes_it_unknown),
		cmocka_unit_test(change_that_failed_may_be_half_done),
		cmocka_unit_test(blur_leaves_what_is_off_and_what_a_use_tells),
		cmocka_unit_test(nothing_is_expected_while_it_is_suspended),
		cmocka_unit_test(what_began_before_a_storm_may_end_in_it),
		cmocka_unit_test(poison_is_not_forgotten_in_a_storm),
		cmocka_unit_test(json_has_an_object_for_each_cache),
		cmocka_unit_test(kvm_may_write_nothing_where_no_page_is),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
