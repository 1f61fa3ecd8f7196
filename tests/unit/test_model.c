// SPDX-License-Identifier: GPL-2.0-only
/* The rules of the model: for each kernel, a sequence of operations and the
 * state of the cache after each. */
#include <string.h>

#include "model_world.h"

struct rule {
	const char *ops, *after;
};

static void follow(enum mem_mode mode, enum gmem_family family, bool ghc,
		   bool by_hva, const struct rule *rules, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		struct world w;

		world_make(&w, mode, family, 1);
		w.model.entries[0].ghc = ghc;
		model_switch(&w.model, 0, GPA, true, by_hva);
		for (const char *op = rules[i].ops; *op; op++)
			world_act(&w, *op, GPA);
		if (strcmp(world_state(&w, 0, 0), rules[i].after))
			fail_msg("'%s': %s, not %s", rules[i].ops,
				 world_state(&w, 0, 0), rules[i].after);
		world_drop(&w);
	}
}

#define FOLLOW(mode, family, ghc, by_hva, rules)                               \
	follow(mode, family, ghc, by_hva, rules, ARRAY_SIZE(rules))

/* ---- a kernel whose gpcs resolve private gfns through gmem -------------- */

static void gpc_in_gmem_keeps_the_rules(void **state)
{
	static const struct rule rules[] = {
		/* One reference per cache, taken by the refresh that resolved
		 * the pfn. Refreshing to the same pfn takes none. The reference
		 * restores the folio to the direct map. */
		{ "", "valid private 1 present fresh" },
		{ "u", "valid private 1 present fresh" },
		{ "uu", "valid private 1 present fresh" },
		/* Punch: invalid; the reference is dropped without
		 * unmapping. The next page's state is unknown: KVM may have
		 * used the cache on its own. */
		{ "p", "invalid private 0 unknown fresh" },
		{ "pu", "valid private 1 present fresh" },
		{ "pp", "invalid private 0 unknown fresh" },
		{ "ppu", "valid private 1 present fresh" },
		/* error_remove_folio: the same. The page stays
		 * bad until it is punched. */
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
		 * now the alias, which is not a gmem page. */
		{ "s", "invalid private owed 1 present fresh" },
		/* ... until the next refresh, which finds another pfn. */
		{ "su", "valid 0 present fresh" },
		/* Back before a refresh: the same pfn, so no new reference. KVM
		 * may have used the cache in between. */
		{ "sS", "invalid private owed 1 unknown fresh" },
		{ "sSu", "valid private 1 present fresh" },
		{ "sSsSu", "valid private 1 present fresh" },
		/* Back after a refresh. */
		{ "suS", "invalid 0 unknown fresh" },
		{ "suSu", "valid private 1 present fresh" },
		{ "suSus", "invalid private owed 1 present fresh" },
		/* A punch must also reach a cache that an attribute change has
		 * already invalidated, and drop its reference. */
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
		/* Deactivation in each state: unmapped and
		 * dropped, or only dropped. */
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
		/* Only caches inside the range are affected. */
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
		/* A punch reaches no cache without a binding. */
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
		/* Neither the file's page nor attributes matter. */
		{ "p", "valid 0 present stale" },
		{ "e", "valid 0 unknown unknown" },
		{ "ep", "valid 0 present stale" },
		{ "x", "valid 0 unknown absent" },
		{ "s", "valid 0 present fresh" },
		{ "sS", "valid 0 present stale" },
		/* While shared, the alias is the guest's
		 * page, and a punch frees it. */
		{ "sp", "invalid 0 present fresh" },
		{ "spu", "valid 0 present fresh" },
		{ "spS", "invalid 0 present stale" },
		{ "se", "invalid 0 unknown unknown" },
		{ "seu", "invalid 0 unknown unknown" },
		{ "sep", "invalid 0 present fresh" },
		/* The alias is poisoned, not the private page. A punch of
		 * private memory does not reach the alias. */
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

/* ---- memory that is entirely shared ------------------------------------- */

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

/* The behaviour of their caches with such a page has not been measured. */
static void series_that_are_still_moving_are_not_guessed_at(void **unused)
{
	struct world w;

	(void)unused;
	world_make(&w, MEM_GMEM, GMEM_DIRECT_2025, 1);
	w.mem.out_of_map = true;
	model_switch(&w.model, 0, GPA, true, false);
	assert_string_equal(world_state(&w, 0, 0), "valid 0 absent unknown");
	world_drop(&w);
	world_make(&w, MEM_GMEM_PRIVATE, GMEM_DIRECT_2025, 1);
	model_switch(&w.model, 0, GPA, true, false);
	assert_string_equal(world_state(&w, 0, 0), "valid 0 present unknown");
	world_drop(&w);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
