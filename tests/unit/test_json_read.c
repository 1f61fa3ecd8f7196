// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "unit.h"
#include "base/json_read.h"
#include "base/num.h"

/* One letter a token, as far as the text goes. */
static const char *tokens(const char *text, size_t n, char *out, size_t size)
{
	static const char letters[] = "!.{}[]ks#tfn";
	struct json_read r;
	size_t i = 0;

	json_read_init(&r, text, n);
	while (i + 1 < size) {
		enum json_token t = json_read_next(&r);

		out[i++] = letters[t];
		if (t == JSON_BAD || t == JSON_END)
			break;
	}
	out[i] = 0;
	return out;
}

static void assert_tokens(const char *text, const char *want)
{
	char got[256];

	assert_string_equal(tokens(text, strlen(text), got, sizeof(got)), want);
}

static void every_kind_of_token_is_told(void **state)
{
	(void)state;
	assert_tokens("{}", "{}.");
	assert_tokens(" [ ] ", "[].");
	assert_tokens("{\"a\":1,\"b\":[true,false,null,\"s\"]}",
		      "{k#k[tfns]}.");
	assert_tokens("\r\n\t [ { } , [ ] ]\n", "[{}[]].");
	assert_tokens("\"top\"", "s.");
	assert_tokens("null", "n.");
}

static void numbers_follow_the_grammar(void **state)
{
	static const char *const good[] = { "0",   "-0",   "10",   "1.5",
					    "1e9", "1E+9", "-1e-9" };
	static const char *const bad[] = { "01", "-",	"+1",  ".5", "1.",
					   "1e", "1e+", "0x1", "-a", "1 2" };
	char got[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_tokens(good[i], "#.");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_non_null(strchr(
			tokens(bad[i], strlen(bad[i]), got, sizeof(got)), '!'));
}

static void malformed_text_ends_with_bad_and_stays_bad(void **state)
{
	static const char *const bad[] = {
		"",	     " ",	  "{",		 "[",	  "]",
		"}",	     "[1",	  "[1,",	 "[1,]",  "[,1]",
		"{\"a\"}",   "{\"a\":}",  "{\"a\":1,}",	 "{a:1}", "{1:2}",
		"[1 2]",     "[}",	  "{]",		 "\"abc", "\"a\\",
		"\"\\x\"",   "\"\\u12\"", "tru",	 "truex", "{} {}",
		"{\"a\" 1}", "nul",	  "\"\\u12g4\"", "[1}",	  "{\"a\":1]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_read r;
		int steps = 0;

		json_read_init(&r, bad[i], strlen(bad[i]));
		while (json_read_next(&r) != JSON_BAD) {
			assert_int_not_equal(r.last, JSON_END);
			assert_true(++steps < 100);
		}
		assert_int_equal(json_read_next(&r), JSON_BAD);
		assert_false(json_read_skip(&r));
	}
}

static void text_cut_anywhere_is_bad_and_never_read_past_its_end(void **state)
{
	static const char full[] =
		"{\"a\":[1,-2.5e3,\"\\u00e9\\\\\"],\"b\":{\"c\":null}}";
	char got[64];

	(void)state;
	for (size_t n = 0; n < sizeof(full) - 1; n++) {
		char copy[sizeof(full)];

		memset(copy, '"', sizeof(copy));
		memcpy(copy, full, n);
		assert_non_null(strchr(tokens(copy, n, got, sizeof(got)), '!'));
	}
}

static void nesting_of_64_is_read_and_65_is_bad(void **state)
{
	char text[2 * (JSON_MAX_DEPTH + 1)];
	char got[2 * JSON_MAX_DEPTH + 8] = "";

	(void)state;
	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	tokens(text, (size_t)2 * JSON_MAX_DEPTH, got, sizeof(got));
	assert_int_equal(got[strlen(got) - 1], '.');
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	tokens(text, sizeof(text), got, sizeof(got));
	assert_int_equal(strlen(got), JSON_MAX_DEPTH + 1);
	assert_int_equal(got[JSON_MAX_DEPTH], '!');
}

static void skip_passes_a_whole_value(void **state)
{
	static const char text[] =
		"{\"a\":{\"x\":[1,{\"y\":2}]},\"b\":3,\"c\":[]}";
	struct json_read r;

	(void)state;
	json_read_init(&r, text, strlen(text));
	json_read_next(&r);
	for (const char *want = "abc"; *want; want++) {
		char key[2] = { *want, 0 };

		assert_int_equal(json_read_next(&r), JSON_KEY);
		assert_true(json_read_is(&r, key));
		json_read_next(&r);
		assert_true(json_read_skip(&r));
	}
	assert_int_equal(json_read_next(&r), JSON_OBJECT_END);
	assert_int_equal(json_read_next(&r), JSON_END);
}

static size_t decode(const char *text, char *buf, size_t size)
{
	struct json_read r;

	json_read_init(&r, text, strlen(text));
	assert_int_equal(json_read_next(&r), JSON_STRING);
	return json_read_string(&r, buf, size);
}

static void escapes_and_surrogate_pairs_are_resolved(void **state)
{
	char buf[64];

	(void)state;
	decode("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", buf, sizeof(buf));
	assert_string_equal(buf, "\"\\/\b\f\n\r\t");
	decode("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", buf, sizeof(buf));
	assert_string_equal(buf, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_int_equal(decode("\"a\\u0000b\"", buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "a\0b", 4);
}

static void lone_surrogates_and_invalid_utf8_become_fffd(void **state)
{
	char buf[64];

	(void)state;
	decode("\"\\ud83dx\"", buf, sizeof(buf));
	assert_string_equal(buf, "\xef\xbf\xbdx");
	decode("\"\\ude00\"", buf, sizeof(buf));
	assert_string_equal(buf, "\xef\xbf\xbd");
	decode("\"\\ud83d\\u0041\"", buf, sizeof(buf));
	assert_string_equal(buf, "\xef\xbf\xbd"
				 "A");
	decode("\"a\xff\"", buf, sizeof(buf));
	assert_string_equal(buf, "a\xef\xbf\xbd");
}

static void string_too_long_for_its_buffer_is_cut_between_characters(void **s)
{
	char buf[4];

	(void)s;
	assert_int_equal(decode("\"ab\xe2\x82\xac\"", buf, sizeof(buf)), 2);
	assert_string_equal(buf, "ab");
	assert_int_equal(decode("\"abcdef\"", buf, sizeof(buf)), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(decode("\"abc\"", buf, 0), 0);
}

static void comparison_resolves_escapes_and_wants_the_whole_string(void **state)
{
	static const char text[] = "\"e\\u0076ent\"";
	struct json_read r;

	(void)state;
	json_read_init(&r, text, strlen(text));
	assert_false(json_read_is(&r, ""));
	json_read_next(&r);
	assert_true(json_read_is(&r, "event"));
	assert_false(json_read_is(&r, "even"));
	assert_false(json_read_is(&r, "events"));
	json_read_init(&r, "\"\\u0000\"", 8);
	json_read_next(&r);
	assert_false(json_read_is(&r, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_token_is_told),
		cmocka_unit_test(numbers_follow_the_grammar),
		cmocka_unit_test(malformed_text_ends_with_bad_and_stays_bad),
		cmocka_unit_test(
			text_cut_anywhere_is_bad_and_never_read_past_its_end),
		cmocka_unit_test(nesting_of_64_is_read_and_65_is_bad),
		cmocka_unit_test(skip_passes_a_whole_value),
		cmocka_unit_test(escapes_and_surrogate_pairs_are_resolved),
		cmocka_unit_test(lone_surrogates_and_invalid_utf8_become_fffd),
		cmocka_unit_test(
			string_too_long_for_its_buffer_is_cut_between_characters),
		cmocka_unit_test(
			comparison_resolves_escapes_and_wants_the_whole_string),
	};

	return cmocka_run_group_tests_name("json_read", tests, NULL, NULL);
}
