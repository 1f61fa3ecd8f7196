// SPDX-License-Identifier: GPL-2.0-only
/* What a client may send first reaches these: UTF-8, words, numbers; and what
 * ctl makes of words splits into the same words again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_read.h"
#include "base/num.h"
#include "base/text.h"
#include "ctl/ctl_args.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void numbers(const char *s)
{
	uint64_t v, back;
	char buf[24];
	struct err e = { 0 };

	if (num_parse(s, "N", &v, &e)) {
		require(e.kind == ERR_USAGE || e.kind == ERR_RANGE);
		return;
	}
	require(s[0] >= '0' && s[0] <= '9');
	require(!num_parse(num_size(v, buf), "N", &back, NULL) && back == v);
}

static void words(const char *line)
{
	char *first[LINE_MAX_WORDS];
	char *again[LINE_MAX_WORDS];
	char *copy = strdup(line);
	static struct ctl_request q;
	struct err e = { 0 };
	int at = 0;
	int n;

	if (!copy)
		return;
	n = text_split(copy, first, &e);
	require(n <= LINE_MAX_WORDS && (n >= 0 || e.kind == ERR_USAGE));
	for (int i = 0; i < n; i++)
		require(first[i] >= copy &&
			first[i] + strlen(first[i]) <= copy + strlen(line));
	for (int i = 0; i < n; i++)
		if (strcmp(first[i], ";") == 0 || strchr(first[i], '\n'))
			n = 0;
	if (n > 1 && request_join(n, first, &at, &q, NULL) == 1) {
		require(text_split(q.text, again, NULL) == n);
		for (int i = 0; i < n; i++)
			require(strcmp(first[i], again[i]) == 0);
	}
	free(copy);
}

/* Whatever goes into the writer, the reader gets back, as UTF-8. */
static void through_json(const char *s, size_t n)
{
	char *back = malloc(3 * n + 1);
	struct json_read r;
	struct json j;
	size_t len;

	json_init(&j);
	json_strn(&j, NULL, s, n);
	require(json_text(&j) && back);
	require(utf8_valid(j.buf, j.len));
	json_read_init(&r, j.buf, j.len);
	require(json_read_next(&r) == JSON_STRING);
	len = json_read_string(&r, back, 3 * n + 1);
	if (utf8_valid(s, n))
		require(len == n && memcmp(s, back, n) == 0);
	require(json_read_next(&r) == JSON_END);
	json_free(&j);
	free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	static struct ctl_request q;

	if (!line)
		return 0;
	memcpy(line, data, size);
	line[size] = 0;
	through_json(line, size);
	numbers(line);
	words(line);
	request_line(line, size, &q, NULL);
	require(q.len <= LINE_MAX_BYTES && !q.text[q.len]);
	free(line);
	return 0;
}
