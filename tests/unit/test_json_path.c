// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "base/json_path.h"

static const char reply[] =
	"{\"ok\":true,\"n\":5,\"big\":18446744073709551615,\"neg\":-3,"
	"\"real\":2.5,\"gpa\":\"0x1000\",\"data\":\"0010\",\"none\":null,"
	"\"seen\":{\"version\":4,\"deep\":{\"x\":\"y\"}},\"a.b\":1,"
	"\"text\":\"caf\\u00e9 \\\"q\\\"\",\"empty\":[],"
	"\"pages\":[{\"gpa\":\"0x1\",\"name\":\"clock0\",\"verdict\":\"fresh\"},"
	"{\"name\":\"clock1\",\"verdict\":\"stale\",\"list\":[1,2,3]},"
	"{\"verdict\":\"fresh\"}]}";

struct seen {
	unsigned int nr;
	char text[8][32];
};

static bool note(void *arg, const struct json_read *value)
{
	struct seen *s = arg;

	assert_true(s->nr < 8 && value->len < 32);
	memcpy(s->text[s->nr], value->text, value->len);
	s->text[s->nr++][value->len] = 0;
	return true;
}

static struct seen each(const char *path, enum field_found want)
{
	struct seen s = { 0 };

	assert_int_equal(field_each(reply, strlen(reply), path, note, &s),
			 want);
	return s;
}

static void path_leads_to_members_and_elements(void **state)
{
	(void)state;
	assert_string_equal(each("n", FIELD_ALL).text[0], "5");
	assert_string_equal(each("seen.deep.x", FIELD_ALL).text[0], "y");
	assert_string_equal(each("pages.1.verdict", FIELD_ALL).text[0],
			    "stale");
	assert_string_equal(each("pages.clock1.list.2", FIELD_ALL).text[0],
			    "3");
	assert_string_equal(each("pages.clock0.verdict", FIELD_ALL).text[0],
			    "fresh");
}

static void path_that_leads_nowhere_is_missing(void **state)
{
	static const char *const paths[] = {
		"m",
		"n.x",
		"seen.versio",
		"pages.3.gpa",
		"pages.clock",
		"pages.clock2.verdict",
		"pages.0.list",
		"empty.0",
		"empty.*",
		"none.x",
		"seen.*",
		"pages.00.verdict.x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		each(paths[i], FIELD_MISSING);
}

static void star_is_every_element_and_at_least_one(void **state)
{
	struct seen s = each("pages.*.verdict", FIELD_ALL);

	(void)state;
	assert_int_equal(s.nr, 3);
	assert_string_equal(s.text[0], "fresh");
	assert_string_equal(s.text[1], "stale");
	assert_string_equal(s.text[2], "fresh");
	/* One that lacks it: not all have it. */
	each("pages.*.name", FIELD_MISSING);
	each("empty.*", FIELD_MISSING);
}

static void members_of_a_name_are_found_at_any_depth(void **state)
{
	struct seen s = { 0 };

	(void)state;
	field_each_named(reply, strlen(reply), "verdict", note, &s);
	assert_int_equal(s.nr, 3);
	assert_string_equal(s.text[1], "stale");
	field_each_named(reply, strlen(reply), "fresh", note, &s);
	assert_int_equal(s.nr, 3);
}

static bool compare(void *arg, const struct json_read *value)
{
	const char **a = arg;
	enum field_op op;

	assert_int_equal(field_parse_op(a[0], &op, NULL), 0);
	a[2] = NULL;
	switch (field_compare(value, op, a[1])) {
	case FIELD_YES:
		a[2] = "yes";
		break;
	case FIELD_NO:
		a[2] = "no";
		break;
	case FIELD_NO_NUMBER:
		a[2] = "no number";
		break;
	default:
		a[2] = "no value";
	}
	return true;
}

static void assert_holds(const char *path, const char *op, const char *want,
			 const char *answer)
{
	const char *a[3] = { op, want };

	assert_int_equal(field_each(reply, strlen(reply), path, compare, a),
			 FIELD_ALL);
	if (strcmp(a[2], answer) != 0)
		fail_msg("%s %s %s: %s", path, op, want, a[2]);
}

static void numbers_compare_as_numbers(void **state)
{
	(void)state;
	assert_holds("n", "=", "0x5", "yes");
	assert_holds("n", "=", "5.0", "yes");
	assert_holds("n", "!=", "5", "no");
	assert_holds("n", "<", "10", "yes");
	assert_holds("n", "<", "5", "no");
	assert_holds("n", "<=", "5", "yes");
	assert_holds("n", ">", "4", "yes");
	assert_holds("n", ">", "5", "no");
	assert_holds("n", ">=", "5", "yes");
	assert_holds("n", ">=", "6", "no");
	assert_holds("gpa", "=", "4K", "yes");
	assert_holds("gpa", "=", "4096", "yes");
	assert_holds("gpa", "<", "0x1001", "yes");
	assert_holds("neg", "<", "0", "yes");
	assert_holds("neg", "=", "-3", "yes");
	assert_holds("real", ">", "2", "yes");
	assert_holds("real", "=", "2.5", "yes");
	/* 64 bits, each of them */
	assert_holds("big", "=", "0xffffffffffffffff", "yes");
	assert_holds("big", "=", "18446744073709551614", "no");
}

static void texts_compare_as_texts(void **state)
{
	(void)state;
	assert_holds("seen.deep.x", "=", "y", "yes");
	assert_holds("seen.deep.x", "!=", "y", "no");
	assert_holds("text", "=", "caf\xc3\xa9 \"q\"", "yes");
	assert_holds("text", "~", "\xc3\xa9", "yes");
	assert_holds("text", "~", "tea", "no");
	assert_holds("ok", "=", "true", "yes");
	assert_holds("ok", "=", "false", "no");
	assert_holds("none", "=", "null", "yes");
	/* data is no number: each zero counts */
	assert_holds("data", "=", "10", "no");
	assert_holds("data", "=", "0010", "yes");
	assert_holds("n", "=", "five", "no");
	assert_holds("n", "!=", "five", "yes");
}

static void order_of_what_is_no_number_holds_never(void **state)
{
	(void)state;
	assert_holds("seen.deep.x", "<", "z", "no number");
	assert_holds("n", "<", "ten", "no number");
	assert_holds("ok", ">=", "0", "no number");
	assert_holds("seen", "=", "4", "no value");
	assert_holds("pages", "~", "fresh", "no value");
}

static void operator_that_is_none_is_refused(void **state)
{
	enum field_op op;

	(void)state;
	assert_int_equal(field_parse_op("==", &op, NULL), -1);
	assert_int_equal(field_parse_op("", &op, NULL), -1);
	assert_int_equal(field_parse_op("contains", &op, NULL), -1);
}

static void reply_that_is_no_json_has_no_fields(void **state)
{
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(field_each("{\"a\":[1,", 8, "a.3", note, &s),
			 FIELD_MISSING);
	assert_int_equal(field_each("", 0, "a", note, &s), FIELD_MISSING);
	assert_int_equal(field_each("{\"a\":[", 6, "a.*", note, &s),
			 FIELD_MISSING);
	field_each_named("{\"verdict\"", 10, "verdict", note, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_leads_to_members_and_elements),
		cmocka_unit_test(path_that_leads_nowhere_is_missing),
		cmocka_unit_test(star_is_every_element_and_at_least_one),
		cmocka_unit_test(members_of_a_name_are_found_at_any_depth),
		cmocka_unit_test(numbers_compare_as_numbers),
		cmocka_unit_test(texts_compare_as_texts),
		cmocka_unit_test(order_of_what_is_no_number_holds_never),
		cmocka_unit_test(operator_that_is_none_is_refused),
		cmocka_unit_test(reply_that_is_no_json_has_no_fields),
	};

	return cmocka_run_group_tests_name("json_path", tests, NULL, NULL);
}
