// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "base/num.h"
#include "ctl/ctl_render.h"

static void assert_renders_n(const char *json, size_t n, size_t width,
			     const char *want)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	reply_render(f, json, n, width);
	fclose(f);
	assert_string_equal(text, want);
	free(text);
}

static void assert_renders(const char *json, size_t width, const char *want)
{
	assert_renders_n(json, strlen(json), width, want);
}

static void flat_reply_is_one_line(void **state)
{
	(void)state;
	assert_renders("{\"ok\":true,\"cmd\":\"punch\",\"gpa\":\"0x1000\","
		       "\"len\":4096,\"ns\":3120}",
		       80, "ok punch  3120 ns  gpa=0x1000 len=4096\n");
	assert_renders("{\"ok\":true,\"cmd\":\"quit\"}", 80, "ok quit\n");
	assert_renders("{\"ok\":true,\"cmd\":\"x\",\"a\":\"\",\"b\":\"c d\","
		       "\"e\":null,\"f\":true}",
		       80, "ok x  a=\"\" b=\"c d\" e=- f=true\n");
}

static void error_shows_kind_errno_and_message(void **state)
{
	(void)state;
	assert_renders("{\"ok\":false,\"cmd\":\"punch\",\"error\":{\"kind\":"
		       "\"range\",\"errno\":\"EINVAL\",\"message\":\"no gpa "
		       "0x1\"}}",
		       80, "error (range, EINVAL): no gpa 0x1\n");
	assert_renders("{\"ok\":false,\"error\":{\"kind\":\"usage\","
		       "\"errno\":null,\"message\":\"m\"}}",
		       80, "error (usage): m\n");
	assert_renders("{\"ok\":false,\"error\":\"plain\"}", 80,
		       "error: plain\n");
	assert_renders("{\"ok\":false}", 80, "error: (no message)\n");
}

static void event_is_marked(void **state)
{
	(void)state;
	assert_renders("{\"event\":\"warn\",\"text\":\"a b\"}", 80,
		       "* warn  text=\"a b\"\n");
}

static void array_of_objects_is_an_aligned_table(void **state)
{
	(void)state;
	assert_renders("{\"ok\":true,\"cmd\":\"gpc\",\"gpc\":["
		       "{\"name\":\"clock0\",\"n\":1,\"by\":[\"a\",\"b\"]},"
		       "{\"name\":\"s\",\"n\":100,\"more\":\"x\"}]}",
		       80,
		       "ok gpc\n"
		       "  gpc:\n"
		       "    name      n  by   more\n"
		       "    clock0    1  a,b\n"
		       "    s       100       x\n");
}

static void columns_count_characters_and_not_bytes(void **state)
{
	(void)state;
	assert_renders("{\"ok\":true,\"t\":[{\"a\":\"\xc3\xa9\xc3\xa9\","
		       "\"b\":\"x\"},{\"a\":\"zz\",\"b\":\"y\"}]}",
		       80,
		       "ok\n"
		       "  t:\n"
		       "    a   b\n"
		       "    \xc3\xa9\xc3\xa9  x\n"
		       "    zz  y\n");
}

static void last_column_is_broken_at_blanks_to_fit(void **state)
{
	(void)state;
	assert_renders("{\"ok\":true,\"cmd\":\"help\",\"help\":[{\"c\":\"punch"
		       "\",\"h\":\"fallocate on the gmem file and so on\"}]}",
		       40,
		       "ok help\n"
		       "  help:\n"
		       "    c      h\n"
		       "    punch  fallocate on the gmem file\n"
		       "           and so on\n");
}

static void table_too_wide_for_the_terminal_becomes_a_list(void **state)
{
	(void)state;
	assert_renders("{\"ok\":true,\"cmd\":\"c\",\"t\":[{\"aa\":\"0123456789"
		       "\",\"b\":\"0123456789\",\"c\":1}]}",
		       28,
		       "ok c\n"
		       "  t:\n"
		       "    - aa  0123456789\n"
		       "      b   0123456789\n"
		       "      c   1\n");
}

static void nested_objects_are_an_indented_list(void **state)
{
	(void)state;
	assert_renders("{\"ok\":true,\"cmd\":\"s\",\"mem\":{\"mode\":\"gmem\","
		       "\"n\":1,\"in\":{\"x\":[1,2]},\"none\":[]},"
		       "\"l\":[1,[2,{}],{\"z\":{}}]}",
		       80,
		       "ok s\n"
		       "  mem:\n"
		       "    mode  gmem\n"
		       "    n     1\n"
		       "    in:\n"
		       "      x  1,2\n"
		       "    none  -\n"
		       "  l:\n"
		       "    - 1\n"
		       "    -\n"
		       "      - 2\n"
		       "      - -\n"
		       "    - z  -\n");
}

static void long_first_line_is_broken_between_fields(void **state)
{
	(void)state;
	assert_renders("{\"ok\":true,\"cmd\":\"x\",\"aaaa\":\"bbbbbbbb\","
		       "\"cccc\":\"dddddddd\"}",
		       24, "ok x  aaaa=bbbbbbbb\n    cccc=dddddddd\n");
}

static void control_characters_never_reach_the_terminal(void **state)
{
	static const char raw[] = "not json \x1b[2J\xc2\x9b\x7f\xff";

	(void)state;
	assert_renders("{\"ok\":true,\"cmd\":\"\\u001b[2J\",\"k\\u0007\":"
		       "\"a\\nb\\u009b\"}",
		       80, "ok \\u001b[2J  k\\u0007=\"a\\nb\\u009b\"\n");
	assert_renders("{\"ok\":true,\"t\":[{\"a\\u001b\":\"\\u001bc\"}]}", 80,
		       "ok\n  t:\n    a\\u001b\n    \\u001bc\n");
	assert_renders(raw, 80,
		       "not json \\u001b[2J\\u009b\\u007f\xef\xbf\xbd\n");
	assert_renders_n("a\0b", 3, 80, "a\\u0000b\n");
}

static void line_that_is_no_reply_is_shown_as_it_is(void **state)
{
	(void)state;
	assert_renders("[1,2]", 80, "[1,2]\n");
	assert_renders("{\"ok\":true", 80, "{\"ok\":true\n");
	assert_renders("{\"x\":1}", 80, "{\"x\":1}\n");
	assert_renders("", 80, "\n");
}

static void replies_failures_and_events_are_told_apart(void **state)
{
	static const struct {
		const char *json;
		enum reply_kind kind;
		const char *name;
	} rows[] = {
		{ "{\"ok\":true,\"cmd\":\"quit\"}", REPLY_OK, "quit" },
		{ "{\"cmd\":\"a\",\"ok\":false}", REPLY_FAILED, "a" },
		{ "{\"ok\":1}", REPLY_FAILED, "" },
		{ "{\"event\":\"warn\",\"cmd\":\"punch\"}", REPLY_EVENT,
		  "warn" },
		{ "{\"x\":{\"ok\":true}}", REPLY_BAD, "" },
		{ "{\"ok\":true}x", REPLY_BAD, "" },
		{ "true", REPLY_BAD, "" },
		{ "", REPLY_BAD, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reply r;

		reply_classify(rows[i].json, strlen(rows[i].json), &r);
		assert_int_equal(r.kind, rows[i].kind);
		if (rows[i].kind != REPLY_BAD)
			assert_string_equal(r.name, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flat_reply_is_one_line),
		cmocka_unit_test(error_shows_kind_errno_and_message),
		cmocka_unit_test(event_is_marked),
		cmocka_unit_test(array_of_objects_is_an_aligned_table),
		cmocka_unit_test(columns_count_characters_and_not_bytes),
		cmocka_unit_test(last_column_is_broken_at_blanks_to_fit),
		cmocka_unit_test(
			table_too_wide_for_the_terminal_becomes_a_list),
		cmocka_unit_test(nested_objects_are_an_indented_list),
		cmocka_unit_test(long_first_line_is_broken_between_fields),
		cmocka_unit_test(control_characters_never_reach_the_terminal),
		cmocka_unit_test(line_that_is_no_reply_is_shown_as_it_is),
		cmocka_unit_test(replies_failures_and_events_are_told_apart),
	};

	return cmocka_run_group_tests_name("ctl_render", tests, NULL, NULL);
}
