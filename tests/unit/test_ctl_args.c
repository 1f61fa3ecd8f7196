// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "base/num.h"
#include "ctl/ctl_args.h"

#define ARGS(...)                                                              \
	((char *[]){ __VA_ARGS__, NULL }),                                     \
		(int)ARRAY_SIZE(((char *[]){ __VA_ARGS__ }))

/* Join all commands of the arguments with '|'. */
static int join(char **argv, int argc, char *out, size_t size, struct err *e)
{
	static struct ctl_request q;
	size_t len = 0;
	int at = 0;
	int ret;

	out[0] = 0;
	while ((ret = request_join(argc, argv, &at, &q, e)) > 0) {
		assert_int_equal(strlen(q.text), q.len);
		len += (size_t)snprintf(out + len, size - len, "%s%s",
					len ? "|" : "", q.text);
	}
	return ret;
}

static void assert_joined(char **argv, int argc, const char *want)
{
	char got[256];

	assert_int_equal(join(argv, argc, got, sizeof(got), NULL), 0);
	assert_string_equal(got, want);
}

static void assert_refused(char **argv, int argc, const char *hint)
{
	struct err e = { 0 };
	char got[256];

	assert_int_equal(join(argv, argc, got, sizeof(got), &e), -1);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_non_null(strstr(e.msg, hint));
}

static void words_make_one_command(void **state)
{
	(void)state;
	assert_joined(ARGS("punch", "clock0", "4K"), "punch clock0 4K");
	assert_joined(ARGS("status"), "status");
	assert_int_equal(request_join(0, NULL, &(int){ 0 },
				      &(struct ctl_request){ 0 }, NULL),
			 0);
}

static void semicolon_of_its_own_starts_the_next_command(void **state)
{
	(void)state;
	assert_joined(ARGS("punch", "clock0", ";", "check", "all", ";", "gpc"),
		      "punch clock0|check all|gpc");
	assert_joined(ARGS("status", ";"), "status");
	assert_joined(ARGS("log", "a;b"), "log a;b");
}

static void word_with_blanks_is_quoted_again(void **state)
{
	(void)state;
	assert_joined(ARGS("record", "a b"), "record \"a b\"");
	assert_joined(ARGS("record", "a\tb"), "record \"a\tb\"");
	assert_joined(ARGS("record", ""), "record \"\"");
	assert_joined(ARGS("record", "a \"b\\"), "record \"a \\\"b\\\\\"");
	assert_joined(ARGS("record", "a\\b"), "record a\\b");
	assert_joined(ARGS("a b", "c"), "\"a b\" c");
}

static void quoted_words_come_back_from_the_protocols_split(void **state)
{
	static char *words[] = { "record", "a \"b\" \\c\\", "", "\\",
				 "\"",	   "t\tt" };
	char *back[LINE_MAX_WORDS];
	struct ctl_request q;
	int at = 0;

	(void)state;
	assert_int_equal(request_join(6, words, &at, &q, NULL), 1);
	assert_int_equal(text_split(q.text, back, NULL), 6);
	for (int i = 0; i < 6; i++)
		assert_string_equal(back[i], words[i]);
}

static void command_in_one_argument_is_sent_as_it_is(void **state)
{
	(void)state;
	assert_joined(ARGS("punch  \"x y\""), "punch  \"x y\"");
	assert_joined(ARGS("punch clock0", ";", "check clock0"),
		      "punch clock0|check clock0");
}

static void empty_commands_are_refused(void **state)
{
	(void)state;
	assert_refused(ARGS(";", "a"), "no command before");
	assert_refused(ARGS("a", ";", ";", "b"), "word 3");
	assert_refused(ARGS(""), "empty");
	assert_refused(ARGS(" \t"), "empty");
}

static void newline_that_would_make_two_requests_is_refused(void **state)
{
	(void)state;
	assert_refused(ARGS("a\nquit"), "newline");
	assert_refused(ARGS("log", "a\nquit"), "newline");
}

static void request_of_4096_bytes_goes_and_4097_is_refused(void **state)
{
	static char big[LINE_MAX_BYTES + 2];
	struct ctl_request q;
	struct err e;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(request_line(big, LINE_MAX_BYTES, &q, NULL), 1);
	assert_int_equal(q.len, LINE_MAX_BYTES);
	assert_int_equal(request_line(big, LINE_MAX_BYTES + 1, &q, &e), -1);
	assert_non_null(strstr(e.msg, "4096"));
	assert_refused(ARGS(big), "4096");
	big[LINE_MAX_BYTES] = 0;
	assert_refused(ARGS(big, "y"), "4096");
	big[LINE_MAX_BYTES - 1] = ' '; /* the quotes count */
	assert_refused(ARGS("y", big + 2), "4096");
}

static void empty_lines_and_comments_are_not_sent(void **state)
{
	static const char *const none[] = { "",	    " ",  "\t", "# punch",
					    " # x", "\r", " \r" };
	struct ctl_request q;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_int_equal(
			request_line(none[i], strlen(none[i]), &q, NULL), 0);
}

static void line_is_sent_as_written_without_its_carriage_return(void **state)
{
	struct ctl_request q;
	struct err e;

	(void)state;
	assert_int_equal(request_line(" log \"#\"  1\r", 12, &q, NULL), 1);
	assert_string_equal(q.text, " log \"#\"  1");
	assert_int_equal(request_line("a\0b", 3, &q, &e), -1);
	assert_non_null(strstr(e.msg, "NUL"));
}

static void only_the_word_alone_is_the_local_word(void **state)
{
	static const char *const no[] = { "exit 1", "exits", "exi", "ex it" };
	struct ctl_request q;

	(void)state;
	assert_int_equal(request_line("  exit\t", 7, &q, NULL), 1);
	assert_true(request_is(&q, "exit"));
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		request_line(no[i], strlen(no[i]), &q, NULL);
		assert_false(request_is(&q, "exit"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_make_one_command),
		cmocka_unit_test(semicolon_of_its_own_starts_the_next_command),
		cmocka_unit_test(word_with_blanks_is_quoted_again),
		cmocka_unit_test(
			quoted_words_come_back_from_the_protocols_split),
		cmocka_unit_test(command_in_one_argument_is_sent_as_it_is),
		cmocka_unit_test(empty_commands_are_refused),
		cmocka_unit_test(
			newline_that_would_make_two_requests_is_refused),
		cmocka_unit_test(
			request_of_4096_bytes_goes_and_4097_is_refused),
		cmocka_unit_test(empty_lines_and_comments_are_not_sent),
		cmocka_unit_test(
			line_is_sent_as_written_without_its_carriage_return),
		cmocka_unit_test(only_the_word_alone_is_the_local_word),
	};

	return cmocka_run_group_tests_name("ctl_args", tests, NULL, NULL);
}
