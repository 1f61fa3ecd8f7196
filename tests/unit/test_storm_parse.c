// SPDX-License-Identifier: GPL-2.0-only
/* Parse storms, valid and invalid, without starting any. */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "base/clock.h"
#include "base/num.h"
#include "devices/tables.h"
#include "storm/storm.h"

#define OWN_END 0x200000

static struct config cfg;
static struct machine m;
static struct storm s;
static char line[LINE_MAX_BYTES + 1];

/* Slot 0 holds the guest's own memory, slot 1 is free,
 * slot 2 deleted; two vCPUs. */
static int set_up(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	cfg = (struct config){ .guest = "agent", .vcpus = 2 };
	m.cfg = &cfg;
	m.vm = -1;
	m.layout.own_end = OWN_END;
	m.nr_vcpus = 2;
	m.memory.mode = MEM_GMEM_PRIVATE;
	m.memory.nr_slots = 3;
	m.memory.slots[0] =
		(struct mem_slot){ .size = OWN_END, .present = true };
	m.memory.slots[1] = (struct mem_slot){ .gpa = OWN_END,
					       .size = 62 * MIB,
					       .home = OWN_END,
					       .file = MEM_NO_FILE,
					       .present = true };
	m.memory.slots[2] = (struct mem_slot){ .gpa = GIB,
					       .size = MIB,
					       .file = MEM_NO_FILE };
	pthread_rwlock_init(&m.memory.lock, NULL);
	return pv_init(&m.pv, -1, &m.memory,
		       &(struct pv_plan){ all_parts.kinds, PV_KVM, PV_SEPARATE,
					  2 },
		       OWN_END, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	pv_free(&m.pv);
	attrs_free(&m.memory.attrs);
	pthread_rwlock_destroy(&m.memory.lock);
	return 0;
}

static int parse(const char *text, struct err *e)
{
	char *words[LINE_MAX_WORDS];
	int n;

	memset(&s, 0, sizeof(s));
	s.m = &m;
	snprintf(line, sizeof(line), "%s", text);
	n = text_split(line, words, e);
	assert_true(n >= 0);
	return storm_parse(&s, words, n, e);
}

static void good(const char *text, unsigned int workers, unsigned int threads,
		 unsigned int groups)
{
	struct err e = { .msg = "" };

	if (parse(text, &e))
		fail_msg("%s: %s", text, e.msg);
	assert_int_equal(s.nr_workers, workers);
	assert_int_equal(s.nr_threads, threads);
	assert_int_equal(s.nr_groups, groups);
}

/* Expect a failure with @word in its message. */
static void bad(const char *text, enum err_kind kind, const char *word)
{
	struct err e = { .msg = "" };

	if (!parse(text, &e))
		fail_msg("%s is a storm", text);
	if (e.kind != kind || !strstr(e.msg, word))
		fail_msg("%s: %s: no '%s' in '%s'", text, err_kind_name(e.kind),
			 word, e.msg);
	storm_free(&s);
}

/* ---- valid -------------------------------------------------------------- */

static void length_and_seed_are_taken(void **state)
{
	(void)state;
	good("for 2 punch 4M", 1, 1, 0);
	assert_true(s.for_ns == 2 * NS_PER_SEC && !s.count);
	good("for 0.25 punch 4M", 1, 1, 0);
	assert_true(s.for_ns == NS_PER_SEC / 4);
	good("for 1.005 punch 4M", 1, 1, 0);
	assert_true(s.for_ns == NS_PER_SEC + 5 * NS_PER_MS);
	good("count 10 seed 0xffffffffffffffff punch 4M", 1, 1, 0);
	assert_true(!s.for_ns && s.count == 10 && s.seed == UINT64_MAX);
}

static void commas_stand_alone_or_behind_a_word(void **state)
{
	static const char *const same[] = {
		"count 1 punch 4M , poke clock0 , allocate 4M 8K page",
		"count 1 punch 4M, poke clock0, allocate 4M 8K page",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		good(same[i], 1, 1, 0);
		assert_int_equal(s.workers[0].nr_steps, 3);
		assert_string_equal(s.steps[0].text, "punch 4M");
		assert_string_equal(s.steps[1].text, "poke clock0");
		assert_string_equal(s.steps[2].text, "allocate 4M 8K page");
	}
}

static void groups_are_what_an_ampersand_joins(void **state)
{
	static const int group[] = { -1, 0, 0, 0, -1, 1, 1 };

	(void)state;
	good("count 1 x3 any punch 4M, punch 5M + poke clock0 & x2 check clock1 "
	     "& touch 1 4M + pv steal0 + slot 1 & punch 4M",
	     7, 10, 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(group); i++)
		assert_int_equal(s.workers[i].group, group[i]);
	assert_true(s.workers[0].any && !s.workers[1].any);
	assert_int_equal(s.workers[0].threads, 3);
	assert_int_equal(s.workers[2].thread, 4);
	assert_int_equal(s.workers[2].threads, 2);
	assert_int_equal(s.workers[3].step, 4);
}

static void ranges_and_words_of_operations_are_taken(void **state)
{
	(void)state;
	good("count 1 touch 1 4M 64K write page, touch 0 4M page, "
	     "touch 0 4M 8K read, touch 0 0x123000",
	     1, 1, 0);
	assert_true(s.steps[0].page && s.steps[0].flag);
	assert_true(s.steps[0].vcpu == 1 && s.steps[0].len == 64 * KIB);
	assert_true(s.steps[1].page && !s.steps[1].flag);
	assert_true(s.steps[2].len == 8 * KIB && !s.steps[2].page);
	assert_true(s.steps[3].gpa == 0x123000);
	good("count 1 pv clock1, pv clock1 move 4M, slot 1 move 4G, "
	     "attr 4M 8K private, flip clock0, punch clock1",
	     1, 1, 0);
	assert_true(!s.steps[0].move && s.steps[0].vcpu == 1);
	assert_true(s.steps[1].move && s.steps[1].there.gpa == 4 * MIB);
	assert_true(s.steps[1].home.gpa == s.steps[0].pv->gpa);
	assert_true(s.steps[2].slot_home == OWN_END &&
		    s.steps[2].slot_there == 4 * GIB);
	assert_true(s.steps[3].flag && s.steps[3].len == 8 * KIB);
	assert_true(s.steps[5].gpa == s.steps[0].pv->gpa);
	storm_free(&s);
}

static void attributes_are_remembered_within_the_range_only(void **state)
{
	(void)state;
	attrs_set(&m.memory.attrs, 0, 4 * MIB + 0x3000, true);
	attrs_set(&m.memory.attrs, 4 * MIB + 0x5000, 5 * MIB, true);
	good("count 1 flip 4M 32K page", 1, 1, 0);
	assert_int_equal(s.steps[0].was.nr, 2);
	assert_true(s.steps[0].was.runs[0].start == 4 * MIB &&
		    s.steps[0].was.runs[0].end == 4 * MIB + 0x3000 &&
		    s.steps[0].was.runs[1].start == 4 * MIB + 0x5000 &&
		    s.steps[0].was.runs[1].end == 4 * MIB + 0x8000);
	storm_free(&s);
}

/* ---- invalid ------------------------------------------------------------ */

static void bad_lengths_are_refused(void **state)
{
	(void)state;
	bad("", ERR_USAGE, "expected for SECONDS");
	bad("punch 4M", ERR_USAGE, "punch");
	bad("for", ERR_USAGE, "missing argument");
	bad("for x punch 4M", ERR_USAGE, "x");
	bad("for 0 punch 4M", ERR_RANGE, "0");
	bad("for 0.000 punch 4M", ERR_RANGE, "0.000");
	bad("for 0.0001 punch 4M", ERR_USAGE, "0.0001");
	bad("for 1. punch 4M", ERR_USAGE, "1.");
	bad("for -1 punch 4M", ERR_USAGE, "-1");
	bad("for 1e3 punch 4M", ERR_USAGE, "1e3");
	bad("for 86400.001 punch 4M", ERR_RANGE, "86400.001");
	bad("for 18446744073709551615 punch 4M", ERR_RANGE, "1844");
	bad("count 0 punch 4M", ERR_RANGE, "0");
	bad("count many punch 4M", ERR_USAGE, "many");
	bad("count 1 seed", ERR_USAGE, "seed");
	bad("count 1 seed x punch 4M", ERR_USAGE, "x");
	bad("count 1", ERR_USAGE, "without workers");
	bad("count 1 seed 7", ERR_USAGE, "without workers");
}

static void bad_workers_are_refused(void **state)
{
	(void)state;
	bad("count 1 +", ERR_USAGE, "no operation");
	bad("count 1 punch 4M +", ERR_USAGE, "no operation");
	bad("count 1 punch 4M &", ERR_USAGE, "no operation");
	bad("count 1 punch 4M + & punch 4M", ERR_USAGE, "no operation");
	bad("count 1 punch 4M,", ERR_USAGE, "no operation");
	bad("count 1 , punch 4M", ERR_USAGE, "no operation");
	bad("count 1 punch 4M, , punch 4M", ERR_USAGE, "no operation");
	bad("count 1 any", ERR_USAGE, "no operation");
	bad("count 1 x2", ERR_USAGE, "no operation");
	bad("count 1 any x2 punch 4M", ERR_USAGE, "x2");
	bad("count 1 x0 punch 4M", ERR_RANGE, "0");
	bad("count 1 x65 punch 4M", ERR_RANGE, "65");
	bad("count 1 x2y punch 4M", ERR_USAGE, "2y");
	bad("count 1 x33 punch 4M + x32 punch 4M", ERR_RANGE, "65 threads");
	bad("count 1 dance 4M", ERR_USAGE, "dance");
	bad("count 1 leak 4M", ERR_USAGE, "leak");
}

static void bad_operations_are_refused_with_the_commands_words(void **state)
{
	(void)state;
	bad("count 1 punch", ERR_USAGE, "missing argument");
	bad("count 1 punch 4M 8K page now", ERR_USAGE, "'now'");
	bad("count 1 punch page", ERR_USAGE, "missing argument: GPA");
	bad("count 1 punch 4M 8K 8K", ERR_USAGE, "8K");
	bad("count 1 punch 0x400001", ERR_RANGE, "0x400001");
	bad("count 1 punch 4M 1", ERR_RANGE, "0x1");
	bad("count 1 punch 4M 0", ERR_RANGE, "0");
	bad("count 1 punch 8G", ERR_RANGE, "0x200000000");
	bad("count 1 punch clock7", ERR_RANGE, "clock7");
	bad("count 1 punch 1M", ERR_STATE, "own");
	bad("count 1 flip 1M", ERR_STATE, "own");
	bad("count 1 attr 1M private", ERR_STATE, "own");
	bad("count 1 attr 4M secret", ERR_USAGE, "secret");
	bad("count 1 attr 4M 8K private page", ERR_USAGE, "'page'");
	bad("count 1 touch 1 1M write", ERR_STATE, "own");
	bad("count 1 touch 2 4M", ERR_RANGE, "2");
	bad("count 1 touch 1 read", ERR_USAGE, "missing argument: GPA");
	bad("count 1 touch 1 4M gently", ERR_USAGE, "gently");
	bad("count 1 prefault 2 4M", ERR_RANGE, "2");
	bad("count 1 prefault 0 4M", ERR_UNSUPPORTED, "KVM_PRE_FAULT_MEMORY");
	bad("count 1 poke 4M", ERR_RANGE, "4M");
	bad("count 1 check all", ERR_RANGE, "all");
	bad("count 1 pv clock0 off", ERR_USAGE, "off");
	bad("count 1 pv clock0 move", ERR_USAGE, "move");
	bad("count 1 pv clock0 move 1M", ERR_STATE, "own");
	bad("count 1 pv clock0 move 0x400001", ERR_RANGE, "0x400001");
	bad("count 1 pv clock0 move clock1", ERR_RANGE, "clock1");
	bad("count 1 slot 0", ERR_STATE, "own");
	bad("count 1 slot 3", ERR_RANGE, "3");
	bad("count 1 slot 2", ERR_STATE, "deleted");
	bad("count 1 slot 1 move 0x400001", ERR_RANGE, "0x400001");
	bad("count 1 slot 1 move 1M", ERR_RANGE, "slot 0");
	bad("count 1 slot 1 close 4M", ERR_USAGE, "close");
}

static void what_the_machine_lacks_is_unsupported(void **state)
{
	(void)state;
	m.memory.mode = MEM_GMEM;
	bad("count 1 flip 4M", ERR_UNSUPPORTED, "private");
	bad("count 1 attr 4M shared", ERR_UNSUPPORTED, "private");
	cfg.guest = "hello";
	bad("count 1 poke clock0", ERR_UNSUPPORTED, "agent");
	bad("count 1 touch 0 4M", ERR_UNSUPPORTED, "agent");
	bad("count 1 pv clock0", ERR_UNSUPPORTED, "agent");
	good("count 1 punch 4M", 1, 1, 0);
}

static void as_many_operations_as_a_line_has_words_for_are_taken(void **state)
{
	char text[LINE_MAX_BYTES] = "count 1 punch 4M";

	(void)state;
	for (int i = 0; i < 19; i++)
		strcat(text, " + punch 4M");
	good(text, 20, 20, 0);
	strcpy(text, "count 1 punch 4M");
	for (int i = 0; i < 30; i++)
		strcat(text, ", punch 4M");
	good(text, 1, 1, 0);
	storm_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
		TEST(length_and_seed_are_taken),
		TEST(commas_stand_alone_or_behind_a_word),
		TEST(groups_are_what_an_ampersand_joins),
		TEST(ranges_and_words_of_operations_are_taken),
		TEST(attributes_are_remembered_within_the_range_only),
		TEST(bad_lengths_are_refused),
		TEST(bad_workers_are_refused),
		TEST(bad_operations_are_refused_with_the_commands_words),
		TEST(what_the_machine_lacks_is_unsupported),
		TEST(as_many_operations_as_a_line_has_words_for_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
