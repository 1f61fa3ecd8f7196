// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "base/json.h"

static int start(void **state)
{
	static struct json j;

	json_init(&j);
	*state = &j;
	return 0;
}

static int finish(void **state)
{
	json_free(*state);
	return 0;
}

static void commas_stand_between_elements_and_nowhere_else(void **state)
{
	struct json *j = *state;

	json_object(j, NULL);
	json_bool(j, "ok", true);
	json_array(j, "rows");
	json_object(j, NULL);
	json_object_end(j);
	json_object(j, NULL);
	json_num(j, "a", 1);
	json_null(j, "b");
	json_object_end(j);
	json_array(j, NULL);
	json_array_end(j);
	json_str(j, NULL, "s");
	json_array_end(j);
	json_num(j, "ns", 3120);
	json_object_end(j);
	assert_string_equal(json_text(j),
			    "{\"ok\":true,\"rows\":[{},{\"a\":1,\"b\":null},"
			    "[],\"s\"],\"ns\":3120}");
}

static void newline_starts_a_value_without_a_comma(void **state)
{
	struct json *j = *state;

	json_object(j, NULL);
	json_object_end(j);
	json_newline(j);
	json_num(j, NULL, 1);
	json_newline(j);
	assert_string_equal(json_text(j), "{}\n1\n");
}

static void control_characters_and_quotes_are_escaped(void **state)
{
	struct json *j = *state;

	json_strn(j, "k\"",
		  "\0\x01\b\t\n\f\r\x1b\x1f\"\\/\x7f\xc2\x80\xc2\x9f\xc2\xa0",
		  19);
	assert_string_equal(json_text(j),
			    "\"k\\\"\":\"\\u0000\\u0001\\b\\t\\n\\f\\r\\u001b"
			    "\\u001f\\\"\\\\/\\u007f\\u0080\\u009f\xc2\xa0\"");
}

static void valid_utf8_passes_and_invalid_bytes_become_fffd(void **state)
{
	struct json *j = *state;

	json_str(j, NULL, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	json_str(j, NULL, "a\xff\xc3z");
	json_strn(j, NULL, "\xe2\x82\xac", 2);
	json_str(j, NULL, "\xed\xa0\x80");
	assert_string_equal(json_text(j),
			    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\","
			    "\"a\xef\xbf\xbd\xef\xbf\xbdz\","
			    "\"\xef\xbf\xbd\xef\xbf\xbd\","
			    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void missing_string_is_null_and_not_a_crash(void **state)
{
	struct json *j = *state;

	json_str(j, "errno", NULL);
	assert_string_equal(json_text(j), "\"errno\":null");
}

static void numbers_are_exact_at_both_ends(void **state)
{
	struct json *j = *state;

	json_array(j, NULL);
	json_num(j, NULL, 0);
	json_num(j, NULL, UINT64_MAX);
	json_int(j, NULL, INT64_MIN);
	json_int(j, NULL, INT64_MAX);
	json_int(j, NULL, -1);
	json_array_end(j);
	assert_string_equal(json_text(j),
			    "[0,18446744073709551615,-9223372036854775808,"
			    "9223372036854775807,-1]");
}

static void address_is_a_hex_string(void **state)
{
	struct json *j = *state;

	json_hex(j, "gpa", 0);
	json_hex(j, "hva", UINT64_MAX);
	json_hex(j, NULL, 0xabc);
	assert_string_equal(json_text(j),
			    "\"gpa\":\"0x0\",\"hva\":\"0xffffffffffffffff\","
			    "\"0xabc\"");
}

static void bytes_are_printed_in_memory_order(void **state)
{
	static const unsigned char bytes[] = { 0x00, 0x9f, 0xff, 0x10 };
	struct json *j = *state;

	json_bytes(j, "data", bytes, sizeof(bytes));
	json_bytes(j, NULL, bytes, 0);
	assert_string_equal(json_text(j), "\"data\":\"009fff10\",\"\"");
}

static void long_text_survives_growth(void **state)
{
	struct json *j = *state;
	const size_t n = 100000;
	const char *text;

	json_array(j, NULL);
	for (size_t i = 0; i < n; i++)
		json_num(j, NULL, i % 10);
	json_array_end(j);
	text = json_text(j);
	assert_int_equal(strlen(text), 2 * n + 1);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(text[1 + 2 * i], '0' + (int)(i % 10));
}

static void reset_empties_and_keeps_the_memory(void **state)
{
	struct json *j = *state;
	size_t cap;

	json_str(j, "a", "b");
	cap = j->cap;
	json_reset(j);
	assert_string_equal(json_text(j), "");
	json_num(j, NULL, 1);
	assert_string_equal(json_text(j), "1");
	assert_int_equal(j->cap, cap);
}

static void text_that_ran_out_of_memory_is_not_handed_out(void **state)
{
	struct json *j = *state;

	json_num(j, NULL, 1);
	j->failed = true;
	json_num(j, NULL, 2);
	assert_null(json_text(j));
	json_reset(j);
	json_num(j, NULL, 3);
	assert_string_equal(json_text(j), "3");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commas_stand_between_elements_and_nowhere_else),
		TEST(newline_starts_a_value_without_a_comma),
		TEST(control_characters_and_quotes_are_escaped),
		TEST(valid_utf8_passes_and_invalid_bytes_become_fffd),
		TEST(missing_string_is_null_and_not_a_crash),
		TEST(numbers_are_exact_at_both_ends),
		TEST(address_is_a_hex_string),
		TEST(bytes_are_printed_in_memory_order),
		TEST(long_text_survives_growth),
		TEST(reset_empties_and_keeps_the_memory),
		TEST(text_that_ran_out_of_memory_is_not_handed_out),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
