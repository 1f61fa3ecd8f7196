// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "unit.h"
#include "ctl/lineedit.h"

#define LEFT   "\033[D"
#define RIGHT  "\033[C"
#define UP     "\033[A"
#define DOWN   "\033[B"
#define HOME   "\033[H"
#define END    "\033[F"
#define DELETE "\033[3~"

static int start(void **state)
{
	static struct lineedit le;

	lineedit_init(&le);
	*state = &le;
	return 0;
}

static int finish(void **state)
{
	lineedit_free(*state);
	return 0;
}

/* Types keys into the line that is there; none may end it. */
static void type(struct lineedit *le, const char *keys)
{
	for (; *keys; keys++)
		assert_int_equal(lineedit_byte(le, (unsigned char)*keys),
				 LINEEDIT_MORE);
	assert_int_equal(strlen(le->buf), le->len);
	assert_true(le->pos <= le->len);
}

static void assert_types(struct lineedit *le, const char *keys,
			 const char *want)
{
	lineedit_reset(le);
	type(le, keys);
	assert_string_equal(le->buf, want);
}

static void enter(struct lineedit *le, const char *line)
{
	type(le, line);
	assert_int_equal(lineedit_byte(le, '\r'), LINEEDIT_DONE);
	lineedit_remember(le, le->buf, le->len);
	lineedit_reset(le);
}

static void text_goes_in_where_the_cursor_is(void **state)
{
	struct lineedit *le = *state;

	assert_types(le, "ac" LEFT "b" RIGHT "d", "abcd");
	assert_types(le, "bc" HOME "a" END "d", "abcd");
	assert_types(le, "bc\033[1~a\033[4~d", "abcd");
	assert_types(le, "bc\033[7~a\033[8~d", "abcd");
	assert_types(le, "bc\033OHa\033OFd", "abcd");
	assert_types(le, "bc\001a\005d", "abcd");
	assert_types(le, LEFT LEFT "a" RIGHT RIGHT "b", "ab");
}

static void every_key_that_deletes_deletes_its_part(void **state)
{
	struct lineedit *le = *state;

	assert_types(le,
		     "abx\x7f"
		     "cy\x08",
		     "abc");
	assert_types(le, "\x7f\x08" DELETE, "");
	assert_types(le, "abc" HOME DELETE, "bc");
	assert_types(le, "abc" HOME "\004", "bc");
	assert_types(le, "one two" LEFT LEFT "\013", "one t");
	assert_types(le, "one two" LEFT LEFT "\025", "wo");
	assert_types(le, "one two  \027", "one ");
	assert_types(le, "one two\027\027\027", "");
	assert_types(le, "one two" LEFT "\027", "one o");
}

static void multibyte_characters_are_moved_over_and_deleted_whole(void **state)
{
	struct lineedit *le = *state;

	assert_types(le, "a\xc3\xa9\xe2\x82\xac" LEFT LEFT "b",
		     "ab\xc3\xa9\xe2\x82\xac");
	assert_types(le, "a\xf0\x9f\x98\x80\x7f", "a");
	assert_types(le, "\xc3\xa9x" HOME DELETE, "x");
	assert_types(le, "\xc3\xa9x" HOME RIGHT "y", "\xc3\xa9yx");
}

static void unknown_sequences_leave_no_rubbish_in_the_line(void **state)
{
	struct lineedit *le = *state;

	assert_types(le, "a\033[15~b\033[1;5Cc\033xd\033[99999999999~e\033OPf",
		     "abcdef");
}

static void history_goes_up_and_down_and_back_to_the_draft(void **state)
{
	struct lineedit *le = *state;

	enter(le, "first");
	enter(le, "second");
	type(le, "draft" UP);
	assert_string_equal(le->buf, "second");
	type(le, UP UP UP);
	assert_string_equal(le->buf, "first");
	type(le, DOWN);
	assert_string_equal(le->buf, "second");
	type(le, DOWN DOWN);
	assert_string_equal(le->buf, "draft");
}

static void history_skips_empty_and_repeated_lines(void **state)
{
	struct lineedit *le = *state;

	enter(le, "a");
	enter(le, "");
	enter(le, "a");
	assert_int_equal(le->nr, 1);
	type(le, "abandoned");
	lineedit_reset(le);
	assert_int_equal(le->nr, 1);
}

static void search_shows_the_last_line_that_has_what_is_typed(void **state)
{
	struct lineedit *le = *state;

	enter(le, "punch clock0");
	enter(le, "check all");
	enter(le, "punch steal0");
	type(le, "draft\022pun");
	assert_string_equal(le->buf, "punch steal0");
	type(le, "\022");
	assert_string_equal(le->buf, "punch clock0");
	type(le, "\022");
	assert_true(le->missing);
	assert_string_equal(le->buf, "punch clock0");
	type(le, "\x7f\x7f\x7fk");
	assert_false(le->missing);
	assert_string_equal(le->buf, "check all");
	type(le, "\007");
	assert_false(le->searching);
	assert_string_equal(le->buf, "draft");
	/* What is found can be edited, or sent as it is. */
	type(le, "\022ck0" HOME "x");
	assert_string_equal(le->buf, "xpunch clock0");
	lineedit_reset(le);
	type(le, "\022all");
	assert_int_equal(lineedit_byte(le, '\r'), LINEEDIT_DONE);
	assert_string_equal(le->buf, "check all");
}

static void search_takes_any_text(void **state)
{
	struct lineedit *le = *state;

	type(le, "\022\x7f\022x\007");
	enter(le, "\xe2\x82\xac");
	type(le, "\022\xe2\x82\xac\xe2\x82\xac\x7f");
	assert_string_equal(le->wanted, "\xe2\x82\xac");
	assert_string_equal(le->buf, "\xe2\x82\xac");
	for (size_t i = 0; i < 2 * sizeof(le->wanted); i++)
		type(le, "x");
	assert_true(le->missing);
	assert_int_equal(lineedit_byte(le, 3), LINEEDIT_ABANDONED);
	assert_false(le->searching);
}

static void full_history_forgets_the_oldest(void **state)
{
	struct lineedit *le = *state;
	char line[] = "000";

	for (int i = 0; i < LINEEDIT_HISTORY + 10; i++) {
		line[0] = (char)('0' + i / 100);
		line[1] = (char)('0' + i / 10 % 10);
		line[2] = (char)('0' + i % 10);
		enter(le, line);
	}
	assert_int_equal(le->nr, LINEEDIT_HISTORY);
	assert_string_equal(le->history[0], "010");
	assert_string_equal(le->history[le->nr - 1], "209");
}

static void keys_that_end_the_line_are_told_apart(void **state)
{
	struct lineedit *le = *state;

	assert_int_equal(lineedit_byte(le, 4), LINEEDIT_EOF);
	assert_int_equal(lineedit_byte(le, 12), LINEEDIT_CLEAR);
	assert_int_equal(lineedit_byte(le, '\t'), LINEEDIT_TAB);
	type(le, "a");
	assert_int_equal(lineedit_byte(le, 4), LINEEDIT_MORE);
	assert_int_equal(lineedit_byte(le, 3), LINEEDIT_ABANDONED);
	assert_int_equal(lineedit_byte(le, '\n'), LINEEDIT_DONE);
	assert_string_equal(le->buf, "a");
}

static void ctrl_c_within_an_escape_sequence_still_abandons(void **state)
{
	struct lineedit *le = *state;

	type(le, "a\033[1");
	assert_int_equal(lineedit_byte(le, 3), LINEEDIT_ABANDONED);
	lineedit_reset(le);
	type(le, "b");
	assert_string_equal(le->buf, "b");
}

static void line_longer_than_a_request_stays_recognizable(void **state)
{
	struct lineedit *le = *state;

	for (int i = 0; i < 3 * LINE_MAX_BYTES; i++)
		type(le, "x");
	assert_int_equal(le->len, LINE_MAX_BYTES + 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_goes_in_where_the_cursor_is),
		TEST(every_key_that_deletes_deletes_its_part),
		TEST(multibyte_characters_are_moved_over_and_deleted_whole),
		TEST(unknown_sequences_leave_no_rubbish_in_the_line),
		TEST(history_goes_up_and_down_and_back_to_the_draft),
		TEST(history_skips_empty_and_repeated_lines),
		TEST(search_shows_the_last_line_that_has_what_is_typed),
		TEST(search_takes_any_text),
		TEST(full_history_forgets_the_oldest),
		TEST(keys_that_end_the_line_are_told_apart),
		TEST(ctrl_c_within_an_escape_sequence_still_abandons),
		TEST(line_longer_than_a_request_stays_recognizable),
	};

	return cmocka_run_group_tests_name("lineedit", tests, NULL, NULL);
}
