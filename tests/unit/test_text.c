// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "base/num.h"
#include "base/text.h"

static void every_length_of_utf8_sequence_is_measured(void **state)
{
	(void)state;
	assert_int_equal(utf8_len("a", 1), 1);
	assert_int_equal(utf8_len("\0", 1), 1);
	assert_int_equal(utf8_len("\xc2\x80", 2), 2);
	assert_int_equal(utf8_len("\xdf\xbf", 2), 2);
	assert_int_equal(utf8_len("\xe0\xa0\x80", 3), 3);
	assert_int_equal(utf8_len("\xed\x9f\xbf", 3), 3);
	assert_int_equal(utf8_len("\xee\x80\x80", 3), 3);
	assert_int_equal(utf8_len("\xf0\x90\x80\x80", 4), 4);
	assert_int_equal(utf8_len("\xf4\x8f\xbf\xbf", 4), 4);
	assert_int_equal(utf8_len("\xe2\x82\xac tail", 8), 3);
}

static void invalid_utf8_has_length_zero(void **state)
{
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2\x41",
		"\xc2\xc2",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xe2\x82\x41",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"\xfe",
		"\xf1\x80\x80\xc0",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(utf8_len(bad[i], strlen(bad[i])), 0);
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
	}
}

static void utf8_cut_short_by_the_length_is_invalid(void **state)
{
	static const char full[] = "\xf0\x9f\x98\x80";

	(void)state;
	for (size_t n = 0; n < 4; n++)
		assert_int_equal(utf8_len(full, n), 0);
	assert_int_equal(utf8_len(full, 4), 4);
	assert_int_equal(utf8_len("\xe2\x82\xac", 2), 0);
	assert_int_equal(utf8_len("\xc3\xa9", 1), 0);
}

static void valid_text_is_valid_to_its_end(void **state)
{
	static const char good[] = "gfn \xe2\x86\x92 pfn, \xc3\xa9";

	(void)state;
	assert_true(utf8_valid(good, strlen(good)));
	assert_true(utf8_valid("", 0));
	assert_false(utf8_valid("ok\xff", 3));
	assert_false(utf8_valid("\xffok", 3));
}

/* Splits @line and compares with @want, words joined by '|'. */
static void assert_split(const char *line, const char *want)
{
	char *words[LINE_MAX_WORDS];
	char copy[LINE_MAX_BYTES];
	char got[LINE_MAX_BYTES] = "";
	struct err e = { 0 };
	size_t len = 0;
	int n;

	snprintf(copy, sizeof(copy), "%s", line);
	n = text_split(copy, words, &e);
	assert_int_not_equal(n, -1);
	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%s",
					i ? "|" : "", words[i]);
	assert_string_equal(got, want);
}

static void assert_split_refused(const char *line, const char *hint)
{
	char *words[LINE_MAX_WORDS];
	char copy[LINE_MAX_BYTES];
	struct err e = { 0 };

	snprintf(copy, sizeof(copy), "%s", line);
	assert_int_equal(text_split(copy, words, &e), -1);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_non_null(strstr(e.msg, hint));
}

static void words_are_split_at_any_run_of_blanks(void **state)
{
	(void)state;
	assert_split("punch clock0", "punch|clock0");
	assert_split("  punch \t 0x1000\t4K  ", "punch|0x1000|4K");
	assert_split("quit", "quit");
}

static void line_of_blanks_has_no_words(void **state)
{
	char *words[LINE_MAX_WORDS];
	char empty[] = "", blank[] = " \t ";

	(void)state;
	assert_int_equal(text_split(empty, words, NULL), 0);
	assert_int_equal(text_split(blank, words, NULL), 0);
}

static void quotes_hold_blanks_together(void **state)
{
	(void)state;
	assert_split("record \"a b.txt\" now", "record|a b.txt|now");
	assert_split("\"a\tb\"", "a\tb");
	assert_split("x \"\" y", "x||y");
	assert_split("\"\"", "");
}

static void backslash_in_quotes_protects_quote_and_backslash(void **state)
{
	(void)state;
	assert_split("\"a \\\"b\\\" c\"", "a \"b\" c");
	assert_split("\"a\\\\\" z", "a\\|z");
	assert_split("\"a\\nb\"", "a\\nb");
	assert_split("a\\b c", "a\\b|c");
}

static void quote_that_is_not_closed_is_a_usage_error(void **state)
{
	(void)state;
	assert_split_refused("record \"a b", "unclosed");
	assert_split_refused("\"", "unclosed");
	assert_split_refused("\"a\\\"", "unclosed");
	assert_split_refused("\"a\\", "unclosed");
}

static void text_that_touches_a_quote_is_a_usage_error(void **state)
{
	(void)state;
	assert_split_refused("\"a\"b", "missing blank");
	assert_split_refused("\"a\"\"b\"", "missing blank");
	assert_split_refused("a\"b c\"", "quote inside");
}

static void word_65_is_a_usage_error_and_word_64_is_not(void **state)
{
	char *words[LINE_MAX_WORDS];
	char line[2 * LINE_MAX_WORDS + 3];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(line); i++)
		line[i] = i % 2 ? ' ' : 'w';
	line[sizeof(line) - 3] = 0;
	assert_int_equal(text_split(line, words, &e), LINE_MAX_WORDS);
	for (size_t i = 0; i < sizeof(line); i++)
		line[i] = i % 2 ? ' ' : 'w';
	line[sizeof(line) - 1] = 0;
	assert_int_equal(text_split(line, words, &e), -1);
	assert_int_equal(e.kind, ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_of_utf8_sequence_is_measured),
		cmocka_unit_test(invalid_utf8_has_length_zero),
		cmocka_unit_test(utf8_cut_short_by_the_length_is_invalid),
		cmocka_unit_test(valid_text_is_valid_to_its_end),
		cmocka_unit_test(words_are_split_at_any_run_of_blanks),
		cmocka_unit_test(line_of_blanks_has_no_words),
		cmocka_unit_test(quotes_hold_blanks_together),
		cmocka_unit_test(
			backslash_in_quotes_protects_quote_and_backslash),
		cmocka_unit_test(quote_that_is_not_closed_is_a_usage_error),
		cmocka_unit_test(text_that_touches_a_quote_is_a_usage_error),
		cmocka_unit_test(word_65_is_a_usage_error_and_word_64_is_not),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
