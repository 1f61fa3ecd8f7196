// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "ctl/complete.h"

static const struct complete
	tables = { .reply = {
			   [TABLE_COMMANDS] =
				   "{\"ok\":true,\"cmd\":\"help\",\"commands\":["
				   "{\"name\":\"check\",\"args\":\"NAME|all [nopoke]\"},"
				   "{\"name\":\"guest\",\"args\":\"VCPU OP [ARG]...\"},"
				   "{\"name\":\"help\",\"args\":\"[CMD]\"},"
				   "{\"name\":\"pv\",\"args\":\"NAME off|on [GPA] [gpa|hva]\"},"
				   "{\"name\":\"storm\",\"args\":"
				   "\"for SECONDS|count N [seed N] WORKER...|stop|help\"}]}",
			   [TABLE_GUEST] =
				   "{\"ops\":[{\"name\":\"convert\","
				   "\"args\":\"GPA [LEN] private|shared\"},"
				   "{\"name\":\"nop\",\"args\":\"\"}]}",
			   [TABLE_STORM] =
				   "{\"ops\":[{\"name\":\"poke\",\"args\":\"NAME\"},"
				   "{\"name\":\"flip\",\"args\":\"GPA [LEN] [page]\"}]}",
			   [TABLE_PAGES] =
				   "{\"pages\":[{\"name\":\"clock0\",\"vcpu\":0},"
				   "{\"name\":\"clock1\",\"vcpu\":1}]}",
		   } };

/* The words that can be at the end of @line, with a blank after each. */
static void assert_offers_of(const struct complete *c, const char *line,
			     const char *want)
{
	struct complete_words w;
	char got[COMPLETE_MAX * COMPLETE_NAME] = "";

	complete_line(c, line, strlen(line), &w);
	for (size_t i = 0; i < w.nr; i++) {
		strcat(got, w.word[i]);
		strcat(got, " ");
	}
	assert_string_equal(got, want);
	assert_true(!w.nr || w.common >= w.typed);
}

static void assert_offers(const char *line, const char *want)
{
	assert_offers_of(&tables, line, want);
}

static void commands_come_first(void **state)
{
	(void)state;
	assert_offers("", "check guest help pv storm ");
	assert_offers("  p", "pv ");
	assert_offers("pvx", "");
	assert_offers("help s", "storm ");
	assert_offers("nothing ", "");
}

static void arguments_are_those_of_the_command(void **state)
{
	(void)state;
	assert_offers("check ", "clock0 clock1 all ");
	assert_offers("check all ", "nopoke ");
	assert_offers("check all nopoke ", "");
	assert_offers("pv clock0 o", "off on ");
	assert_offers("pv clock0 off ", "clock0 clock1 gpa hva ");
	assert_offers("pv clock0 off 0x1 ", "gpa hva ");
	assert_offers("guest 0 ", "convert nop ");
	assert_offers("guest 0 convert ", "clock0 clock1 ");
	assert_offers("guest 0 convert 0x1 ", "private shared ");
	assert_offers("guest 0 nop ", "");
	assert_offers("guest 0 nothing p", "");
}

static void storm_takes_workers_anywhere(void **state)
{
	(void)state;
	assert_offers("storm ", "for count seed poke flip stop help ");
	assert_offers("storm count 3 po", "poke ");
	assert_offers("storm count 3 poke c", "count clock0 clock1 ");
	assert_offers("storm count 3 poke clock0 flip 0x1 pa", "page ");
}

static void what_all_words_begin_with_is_found(void **state)
{
	struct complete_words w;

	(void)state;
	complete_line(&tables, "check c and more", 7, &w);
	assert_int_equal(w.nr, 2);
	assert_int_equal(w.typed, 1);
	assert_int_equal(w.common, strlen("clock"));
}

static void tables_of_any_content_offer_names_alone(void **state)
{
	static const struct complete
		bad = { .reply = {
				[TABLE_COMMANDS] =
					"{\"name\":\"a\\u001b[2J\",\"name\":\"b c\","
					"\"name\":7,\"name\":\"\",\"name\":\"good\","
					"\"args\":\"[[|]..| OP [x|\",\"name\"",
			} };
	/* Operations whose arguments are operations. */
	static const char row[] = "{\"name\":\"a\",\"args\":\"OP WORKER\"}";
	static const struct complete loop = {
		.reply = { (char *)row, (char *)row, (char *)row }
	};
	static const struct complete none = { 0 };
	char line[4096];

	(void)state;
	assert_offers_of(&none, "", "");
	assert_offers_of(&none, "help ", "");
	assert_offers_of(&bad, "", "good ");
	assert_offers_of(&bad, "good ", "");
	assert_offers_of(&bad, "good y z ", "x ");
	assert_offers_of(&loop, "a a ", "a ");
	assert_offers_of(&loop, "a a a a a ", "");
	/* More words than a request may have. */
	for (size_t i = 0; i < sizeof(line) - 1; i++)
		line[i] = i % 2 ? ' ' : 'x';
	line[sizeof(line) - 1] = 0;
	assert_offers(line, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_come_first),
		cmocka_unit_test(arguments_are_those_of_the_command),
		cmocka_unit_test(storm_takes_workers_anywhere),
		cmocka_unit_test(what_all_words_begin_with_is_found),
		cmocka_unit_test(tables_of_any_content_offer_names_alone),
	};

	return cmocka_run_group_tests_name("complete", tests, NULL, NULL);
}
