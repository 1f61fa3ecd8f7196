// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "unit.h"
#include "base/num.h"

#define UNTOUCHED UINT64_C(0x5a5a5a5a)

static void assert_parses(const char *s, uint64_t want)
{
	uint64_t v = UNTOUCHED;
	struct err e = { 0 };

	assert_int_equal(num_parse(s, "LEN", &v, &e), 0);
	assert_true(v == want);
	assert_int_equal(e.kind, ERR_NONE);
}

static void assert_refused(const char *s, enum err_kind kind)
{
	uint64_t v = UNTOUCHED;
	struct err e = { 0 };

	assert_int_equal(num_parse(s, "LEN", &v, &e), -1);
	assert_int_equal(e.kind, kind);
	assert_non_null(strstr(e.msg, "LEN"));
	assert_non_null(strstr(e.msg, s));
	assert_true(v == UNTOUCHED);
}

static void decimal_and_hex_are_read_exactly(void **state)
{
	(void)state;
	assert_parses("0", 0);
	assert_parses("4096", 4096);
	assert_parses("007", 7);
	assert_parses("0x0", 0);
	assert_parses("0xfeeDBeef", 0xfeedbeef);
	assert_parses("0X1f", 0x1f);
	assert_parses("18446744073709551615", UINT64_MAX);
	assert_parses("0xffffffffffffffff", UINT64_MAX);
	assert_parses("0x00000000000000000000000000001", 1);
}

static void suffixes_are_powers_of_1024_in_either_case(void **state)
{
	(void)state;
	assert_parses("1K", KIB);
	assert_parses("3k", 3 * KIB);
	assert_parses("64M", 64 * MIB);
	assert_parses("2m", 2 * MIB);
	assert_parses("1G", GIB);
	assert_parses("1g", GIB);
	assert_parses("1T", TIB);
	assert_parses("1t", TIB);
	assert_parses("0x10K", 16 * KIB);
	assert_parses("16777215T", 16777215 * TIB);
	assert_parses("0T", 0);
}

static void text_that_is_no_number_is_a_usage_error(void **state)
{
	static const char *const bad[] = {
		"",    " ",	 "-1",	"+1",  " 1",   "1 ",  "0x",    "0xK",
		"x10", "1KK",	 "1KB", "K",   "1.5M", "1e3", "0x1g1", "12a",
		"\t7", "clock0", "1P",	"0b1", "1\n",  "--",  "0x-1",  "1,000",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(bad[i], ERR_USAGE);
}

static void number_that_overflows_by_digits_is_a_range_error(void **state)
{
	(void)state;
	assert_refused("18446744073709551616", ERR_RANGE);
	assert_refused("99999999999999999999", ERR_RANGE);
	assert_refused("0x10000000000000000", ERR_RANGE);
	/* wraps to a small number more than once */
	assert_refused("340282366920938463463374607431768211456", ERR_RANGE);
}

static void number_that_overflows_by_suffix_is_a_range_error(void **state)
{
	(void)state;
	assert_refused("16777216T", ERR_RANGE);
	assert_refused("17179869184G", ERR_RANGE);
	assert_refused("0xffffffffffffffffK", ERR_RANGE);
	assert_refused("18014398509481984K", ERR_RANGE);
}

static void junk_behind_an_overflow_is_still_a_usage_error(void **state)
{
	(void)state;
	assert_refused("99999999999999999999z", ERR_USAGE);
}

static void both_ends_of_a_range_belong_to_it(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(num_parse_range("1", "CPUS", 1, 8, &v, NULL), 0);
	assert_true(v == 1);
	assert_int_equal(num_parse_range("8", "CPUS", 1, 8, &v, NULL), 0);
	assert_true(v == 8);
}

static void number_outside_its_range_is_refused_with_both_ends(void **state)
{
	static const char *const bad[] = { "0", "9" };
	uint64_t v = UNTOUCHED;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = { 0 };

		assert_int_equal(num_parse_range(bad[i], "CPUS", 1, 8, &v, &e),
				 -1);
		assert_int_equal(e.kind, ERR_RANGE);
		assert_non_null(strstr(e.msg, "1..8"));
	}
	assert_true(v == UNTOUCHED);
}

static void malformed_number_with_a_range_is_a_usage_error(void **state)
{
	struct err e = { 0 };
	uint64_t v = UNTOUCHED;

	(void)state;
	assert_int_equal(num_parse_range("two", "CPUS", 1, 8, &v, &e), -1);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_true(v == UNTOUCHED);
}

static void size_is_printed_in_its_largest_exact_unit(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ 4097, "4097" },
		{ 4096, "4K" },
		{ 64 * MIB, "64M" },
		{ 1536 * KIB, "1536K" },
		{ GIB, "1G" },
		{ 3 * TIB, "3T" },
		{ 2048 * TIB, "2048T" },
		{ UINT64_MAX, "18446744073709551615" },
	};
	char buf[24];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(num_size(rows[i].bytes, buf), rows[i].text);
}

static void printed_size_reads_back_as_the_same_number(void **state)
{
	char buf[24];
	uint64_t v;

	(void)state;
	for (uint64_t n = 1; n; n = n > UINT64_MAX / 3 ? 0 : n * 3 + 1024) {
		assert_int_equal(num_parse(num_size(n, buf), "N", &v, NULL), 0);
		assert_true(v == n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimal_and_hex_are_read_exactly),
		cmocka_unit_test(suffixes_are_powers_of_1024_in_either_case),
		cmocka_unit_test(text_that_is_no_number_is_a_usage_error),
		cmocka_unit_test(
			number_that_overflows_by_digits_is_a_range_error),
		cmocka_unit_test(
			number_that_overflows_by_suffix_is_a_range_error),
		cmocka_unit_test(
			junk_behind_an_overflow_is_still_a_usage_error),
		cmocka_unit_test(both_ends_of_a_range_belong_to_it),
		cmocka_unit_test(
			number_outside_its_range_is_refused_with_both_ends),
		cmocka_unit_test(
			malformed_number_with_a_range_is_a_usage_error),
		cmocka_unit_test(size_is_printed_in_its_largest_exact_unit),
		cmocka_unit_test(printed_size_reads_back_as_the_same_number),
	};

	return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
