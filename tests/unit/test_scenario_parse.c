// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "base/text.h"
#include "command/commands.h"
#include "config/config.h"
#include "play/scenario.h"
#include "play/scenario_run.h"

static const struct scenario_source *source(enum scenario_machine from)
{
	static struct scenario_source s = { "p", "n", MACHINE_OF_FILE,
					    &commands };

	s.machine = from;
	return &s;
}

static struct scenario parse_as(const char *text, enum scenario_machine from)
{
	struct scenario s;
	struct scenario_error e = { 0 };

	if (scenario_parse(&s, source(from), text, strlen(text), &e))
		fail_msg("%u:%u: %s", e.line, e.column, e.msg);
	return s;
}

static struct scenario parse(const char *text)
{
	return parse_as(text, MACHINE_OF_FILE);
}

static void assert_wrong_as(const char *text, enum scenario_machine from,
			    unsigned int line, unsigned int column,
			    const char *what)
{
	struct scenario s;
	struct scenario_error e = { 0 };

	if (!scenario_parse(&s, source(from), text, strlen(text), &e))
		fail_msg("accepted: %s", text);
	assert_non_null(strstr(e.msg, what));
	assert_int_equal(e.line, line);
	assert_int_equal(e.column, column);
}

static void assert_wrong(const char *text, unsigned int line,
			 unsigned int column, const char *what)
{
	assert_wrong_as(text, MACHINE_OF_FILE, line, column, what);
}

static void statements_stand_in_their_order_with_their_lines(void **state)
{
	struct scenario s =
		parse("# a comment\n\n\tneed kvm\n vm --vcpus 2 \r\n"
		      "check  \"clock0\"\n  # another\nsleep 5");
	const struct stmt *at = s.first;

	(void)state;
	assert_string_equal(at->what->name, "need");
	assert_int_equal(at->line, 3);
	at = at->next;
	assert_string_equal(at->what->name, "vm");
	assert_int_equal(at->line, 4);
	assert_string_equal(at->text, "vm --vcpus 2");
	assert_int_equal(at->cfg->vcpus, 2);
	at = at->next;
	assert_ptr_equal(at->what, &statement_command);
	assert_string_equal(at->text, "check  \"clock0\"");
	assert_string_equal(at->argv[0], "clock0");
	at = at->next;
	assert_int_equal(at->number, 5);
	assert_int_equal(at->line, 7);
	assert_null(at->next);
	assert_int_equal(s.nr, 4);
	scenario_free(&s);
}

static void blocks_hold_what_is_between_them(void **state)
{
	struct scenario s =
		parse("vm\nrepeat 3\nrepeat 2\nstatus\nend\nend\n"
		      "parallel\ncheck all\nand\nand\nsleep 1\nend\n"
		      "status\n");
	const struct stmt *r = s.first->next, *p = r->next;

	(void)state;
	assert_int_equal(r->number, 3);
	assert_int_equal(r->body->number, 2);
	assert_string_equal(r->body->body->text, "status");
	assert_null(r->body->next);
	assert_string_equal(p->what->name, "parallel");
	assert_string_equal(p->body->text, "check all");
	assert_null(p->body->next);
	assert_null(p->other->body);
	assert_string_equal(p->other->other->body->text, "sleep 1");
	assert_null(p->other->other->other);
	assert_string_equal(p->next->text, "status");
	scenario_free(&s);
}

static void only_the_expectation_right_behind_excuses_a_failure(void **state)
{
	struct scenario s = parse("vm\nstatus\nexpect ok = true\n"
				  "expect-error state\nstatus\nexpect ok = 1\n"
				  "status\nexpect-disagreement\n");
	const struct stmt *at = s.first->next;

	(void)state;
	assert_true(at->may_fail);
	assert_false(at->may_disagree);
	at = at->next->next->next;
	assert_false(at->may_fail);
	at = at->next->next;
	assert_true(at->may_disagree);
	assert_false(at->may_fail);
	scenario_free(&s);
	assert_wrong("vm\nstatus\nsleep 1\nexpect-error state\n", 4, 1,
		     "directly after a command");
	assert_wrong("vm\nrepeat 1\nexpect-error state\nend\n", 3, 1,
		     "no reply yet");
	assert_wrong("vm\nstatus\nrepeat 1\nexpect-error state\nend\n", 4, 1,
		     "directly after a command");
}

static void unknown_word_is_an_error_before_anything_runs(void **state)
{
	(void)state;
	assert_wrong("vm\n  punsh clock0\n", 2, 3,
		     "\"punsh\": expected need, "
		     "vm, expect");
	assert_wrong("vm\nPunch clock0\n", 2, 1, "Punch");
	assert_wrong("vm\n\"\"\n", 2, 1, "\"\"");
}

static void number_of_arguments_is_checked(void **state)
{
	(void)state;
	assert_wrong("vm\npunch\n", 2, 6,
		     "punch: missing argument: expected "
		     "punch GPA [LEN]");
	assert_wrong("vm\npunch 1 2 \"3\"\n", 2, 11, "too many");
	assert_wrong("vm\nstatus\nexpect verdict = very fresh\n", 3, 23,
		     "too many");
	assert_wrong("need\n", 1, 5, "missing argument");
	assert_wrong("vm\nparallel\nend now\n", 3, 5, "too many");
}

static void wrong_argument_is_named_with_its_column(void **state)
{
	(void)state;
	assert_wrong("need kvm  speed\n", 1, 11, "no row \"speed\"");
	assert_wrong("need kernel=>6.18\n", 1, 6, "expected one of");
	assert_wrong("need kernel>=six\n", 1, 6, "a version like");
	assert_wrong("need cpus>=many\n", 1, 6, "a number");
	assert_wrong("need memory>=3\n", 1, 6, "kernel or cpus");
	assert_wrong("need not:kernel>=3\n", 1, 6, "kernel or cpus");
	assert_wrong("vm --memory\n", 1, 4, "needs a value");
	assert_wrong("vm --vcpus 2 --memory foo\n", 1, 23, "foo");
	assert_wrong("vm --vcp 2\n", 1, 4, "an abbreviation");
	assert_wrong("vm --control /x\n", 1, 4, "not allowed in a scenario");
	assert_wrong("vm --scenario x\n", 1, 4, "not allowed in a scenario");
	assert_wrong("vm --help\n", 1, 4, "start no machine");
	assert_wrong("vm\nstatus\nexpect a..b = 1\n", 3, 8, "invalid field");
	assert_wrong("vm\nstatus\nexpect a == 1\n", 3, 10, "unknown operator");
	assert_wrong("vm\nstatus\nexpect-error EWHAT\n", 3, 14, "EWHAT");
	assert_wrong("vm\nrepeat 0\nend\n", 2, 8, "from 1 to");
	assert_wrong("vm\nrepeat x\nend\n", 2, 8, "a number from");
	assert_wrong("sleep 3600001\n", 1, 7, "from 0 to 3600000");
	assert_wrong("vm\nwait some text\n", 2, 6, "unknown type of event");
	assert_wrong("vm\nwait guest\n", 2, 1, "missing argument: TEXT");
	assert_wrong("vm\nwait end 256\n", 2, 10, "from 0 to 255");
}

static void column_counts_characters_and_not_bytes(void **state)
{
	(void)state;
	assert_wrong("vm\nmem \"\xc3\xa4\xc3\xb6\" 1 2\n", 2, 12, "too many");
}

static void bad_line_is_named_where_it_is_bad(void **state)
{
	static const char nul[] = "vm\nst\0us\n";
	struct scenario_error e = { 0 };
	struct scenario s;
	char *text = malloc(LINE_MAX_BYTES + 8);

	(void)state;
	assert_wrong("vm\ncheck \"clock0\n", 2, 7, "unclosed");
	assert_wrong("vm\nmem \xff\n", 2, 5, "byte 0xff: expected UTF-8");
	assert_int_equal(scenario_parse(&s, source(MACHINE_OF_FILE), nul,
					sizeof(nul) - 1, &e),
			 -1);
	assert_int_equal(e.line, 2);
	assert_int_equal(e.column, 3);
	memset(text, '#', LINE_MAX_BYTES + 1);
	text[LINE_MAX_BYTES + 1] = 0;
	assert_wrong(text, 1, LINE_MAX_BYTES + 1, "at most 4096");
	text[LINE_MAX_BYTES] = 0;
	s = parse(text);
	scenario_free(&s);
	free(text);
}

static void block_that_is_not_closed_is_named(void **state)
{
	(void)state;
	assert_wrong("vm\n  repeat 2\nstatus\n", 2, 3, "not closed");
	assert_wrong("vm\nparallel\nrepeat 2\nend\nand\n", 5, 1, "not closed");
	assert_wrong("vm\nend\n", 2, 1, "no repeat or parallel is open");
	assert_wrong("vm\nand\n", 2, 1, "expected inside parallel");
	assert_wrong("vm\nrepeat 2\nand\nend\n", 3, 1,
		     "expected inside parallel");
}

static void statement_in_the_wrong_place_is_refused(void **state)
{
	(void)state;
	assert_wrong("status\n", 1, 1, "expected a vm line before");
	assert_wrong("vm\nneed kvm\n", 2, 1, "before the first vm");
	assert_wrong("vm\nexpect a = b\n", 2, 1, "no reply yet");
	assert_wrong("vm\nparallel\nvm\nend\n", 3, 1, "inside parallel");
	assert_wrong("vm\nparallel\nrepeat 2\nvm\nend\nend\n", 4, 1,
		     "inside parallel");
	assert_wrong("vm\nparallel\nparallel\nend\nend\n", 3, 1,
		     "inside parallel");
	assert_wrong("vm\nstatus\nparallel\nexpect a = b\nend\n", 4, 1,
		     "no reply yet");
	assert_wrong("vm\nparallel\nstatus\nand\nexpect a = b\nend\n", 5, 1,
		     "no reply yet");
	assert_wrong("vm\nparallel\nstatus\nend\nexpect a = b\n", 5, 1,
		     "no reply yet");
	assert_wrong("vm\nstatus\nvm\nexpect a = b\n", 4, 1, "no reply yet");
	assert_wrong_as("vm\nstatus\n", MACHINE_GIVEN, 1, 1, "no vm line");
}

static void machine_that_is_there_needs_no_vm_line(void **state)
{
	struct scenario s = parse_as("status\n", MACHINE_GIVEN);

	(void)state;
	scenario_free(&s);
	s = parse_as("status\n", MACHINE_RUNNING);
	scenario_free(&s);
	s = parse_as("vm\nstatus\n", MACHINE_RUNNING);
	scenario_free(&s);
}

/* @n times @line, between @before and @after. */
static char *many(const char *before, const char *line, unsigned int n,
		  const char *after)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	fputs(before, f);
	for (unsigned int i = 0; i < n; i++)
		fputs(line, f);
	fputs(after, f);
	fclose(f);
	return text;
}

static void limits_are_errors_and_not_crashes(void **state)
{
	struct scenario_error e = { 0 };
	struct scenario s;
	char *text;

	(void)state;
	text = many("vm\n", "repeat 1\n", SCENARIO_MAX_DEPTH + 1, "");
	assert_wrong(text, SCENARIO_MAX_DEPTH + 2, 1, "nested blocks");
	free(text);
	text = many("vm\nparallel\n", "and\n", SCENARIO_MAX_BRANCH, "end\n");
	assert_wrong(text, SCENARIO_MAX_BRANCH + 2, 1, "branches");
	free(text);
	text = many("", "sleep 0\n", SCENARIO_MAX_STMTS + 1, "");
	assert_wrong(text, SCENARIO_MAX_STMTS + 1, 1, "statements");
	free(text);
	text = many("", "#\n", SCENARIO_MAX_BYTES / 2 + 1, "");
	assert_int_equal(scenario_parse(&s, source(MACHINE_OF_FILE), text,
					strlen(text), &e),
			 -1);
	assert_int_equal(e.line, 0);
	assert_non_null(strstr(e.msg, "1048576 bytes"));
	free(text);
}

static void file_that_cannot_be_read_is_an_error(void **state)
{
	struct scenario_error e = { 0 };
	struct scenario s;

	(void)state;
	assert_int_equal(
		scenario_load(&s,
			      &(struct scenario_source){ .path = "/nonexistent",
							 .name = "n" },
			      &e),
		-1);
	assert_non_null(strstr(e.msg, "No such file"));
	assert_int_equal(scenario_load(&s,
				       &(struct scenario_source){
					       .path = "/proc", .name = "n" },
				       &e),
			 -1);
	assert_non_null(strstr(e.msg, "Is a directory"));
}

static void every_row_of_the_table_is_complete(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < statements_nr; i++) {
		const struct statement *st = &statements[i];

		assert_ptr_equal(statement_find(st->name), st);
		assert_non_null(st->help);
		assert_true(st->min <= st->max);
		assert_true(st->run || st->flags & STMT_CLOSES);
	}
	assert_null(statement_find("check"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			statements_stand_in_their_order_with_their_lines),
		cmocka_unit_test(blocks_hold_what_is_between_them),
		cmocka_unit_test(
			only_the_expectation_right_behind_excuses_a_failure),
		cmocka_unit_test(unknown_word_is_an_error_before_anything_runs),
		cmocka_unit_test(number_of_arguments_is_checked),
		cmocka_unit_test(wrong_argument_is_named_with_its_column),
		cmocka_unit_test(column_counts_characters_and_not_bytes),
		cmocka_unit_test(bad_line_is_named_where_it_is_bad),
		cmocka_unit_test(block_that_is_not_closed_is_named),
		cmocka_unit_test(statement_in_the_wrong_place_is_refused),
		cmocka_unit_test(machine_that_is_there_needs_no_vm_line),
		cmocka_unit_test(limits_are_errors_and_not_crashes),
		cmocka_unit_test(file_that_cannot_be_read_is_an_error),
		cmocka_unit_test(every_row_of_the_table_is_complete),
	};

	return cmocka_run_group_tests_name("scenario_parse", tests, NULL, NULL);
}
