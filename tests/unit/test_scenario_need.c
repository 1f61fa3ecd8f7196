// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "unit.h"
#include "play/scenario_need.h"

static const struct probe probe = {
	.rows = { { .name = "xen",
		    .state = PROBE_NO,
		    .value = "cap 38 is 0",
		    .detail = "needs CONFIG_KVM_XEN" },
		  { .name = "kcore",
		    .state = PROBE_UNKNOWN,
		    .value = "not tried" },
		  { .name = "kvm", .state = PROBE_YES, .value = "12" } },
	.nr = 3,
};

static char why[400];

static bool holds_on(const char *word, const char *release, unsigned int cpus)
{
	const struct need_host h = { &probe, release, cpus };
	struct need n;
	struct err e = { 0 };

	why[0] = 0;
	if (need_parse(word, &n, &e))
		fail_msg("%s: %s", word, e.msg);
	return need_holds(&n, &h, why);
}

static bool holds(const char *word)
{
	return holds_on(word, "6.18.44-fc", 2);
}

static void row_has_to_be_yes(void **state)
{
	(void)state;
	assert_true(holds("kvm"));
	assert_false(holds("xen"));
	assert_string_equal(why, "no xen: cap 38 is 0: needs CONFIG_KVM_XEN");
	assert_false(holds("kcore"));
	assert_string_equal(why, "no kcore: not tried");
	/* A row that was not probed. */
	assert_false(holds("tracefs"));
}

static void not_holds_where_the_row_is_not_yes(void **state)
{
	(void)state;
	assert_false(holds("not:kvm"));
	assert_string_equal(why, "has kvm: 12");
	assert_true(holds("not:xen"));
	assert_true(holds("not:kcore"));
}

static void versions_compare_number_by_number(void **state)
{
	(void)state;
	assert_true(holds("kernel>=6.18"));
	assert_true(holds("kernel>=6.9"));
	assert_true(holds("kernel>=6"));
	assert_true(holds("kernel>5.19"));
	assert_false(holds("kernel>=6.19"));
	assert_non_null(strstr(why, "6.18.44-fc"));
	assert_false(holds("kernel>=7"));
	assert_false(holds("kernel<6.18"));
	assert_true(holds("kernel<=6.18"));
	assert_true(holds("kernel=6.18"));
	assert_false(holds("kernel!=6.18"));
	assert_true(holds_on("kernel>=6.18", "6.18", 1));
	assert_true(holds_on("kernel<6.18", "6.18-rc1" + 5, 1)); /* "rc1" */
	assert_true(holds_on("kernel>=6.12", "6.12.0+", 1));
}

static void cpus_are_counted(void **state)
{
	(void)state;
	assert_true(holds("cpus>=2"));
	assert_false(holds("cpus>=3"));
	assert_non_null(strstr(why, "needs CPUs >= 3, got 2"));
	assert_true(holds("cpus<3"));
}

static void word_that_is_no_need_is_refused(void **state)
{
	static const char *const words[] = {
		"",	    "fast",	  "not:",      "not:fast",
		"kernel>=", "cpus>=",	  "kernel=>6", "kernel~6",
		"cpus>=-1", "kernel>=6.", "kvm>=12",   "kernel>=6.x",
		">=6",	    "kernel>=6 ", "cpus!3",
	};
	struct need n;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct err e = { 0 };

		if (!need_parse(words[i], &n, &e))
			fail_msg("accepted: %s", words[i]);
		assert_int_equal(e.kind, ERR_USAGE);
		assert_non_null(strstr(e.msg, "expected"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_has_to_be_yes),
		cmocka_unit_test(not_holds_where_the_row_is_not_yes),
		cmocka_unit_test(versions_compare_number_by_number),
		cmocka_unit_test(cpus_are_counted),
		cmocka_unit_test(word_that_is_no_need_is_refused),
	};

	return cmocka_run_group_tests_name("scenario_need", tests, NULL, NULL);
}
