// SPDX-License-Identifier: GPL-2.0-only
/* Any text as a scenario: it is parsed or refused, and what is parsed can be
 * walked through. The first byte says who brings the machine. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_path.h"
#include "base/text.h"
#include "command/commands.h"
#include "play/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static unsigned int walk(const struct stmt *s, unsigned int depth)
{
	unsigned int n = 0;

	require(depth <= SCENARIO_MAX_DEPTH + SCENARIO_MAX_BRANCH + 1);
	for (; s; s = s->next) {
		n++;
		require(s->what && s->line && s->text && *s->text);
		require(s->argc >= 0 && s->argc < LINE_MAX_WORDS);
		for (int i = 0; i < s->argc; i++)
			require(s->argv[i] >= s->words);
		require(!s->argv[s->argc]);
		require(!s->body || s->what->flags & STMT_OPENS);
		n += walk(s->body, depth + 1);
		n += walk(s->other, depth + 1);
	}
	return n;
}

static bool ignore(void *arg, const struct json_read *value)
{
	(void)arg;
	field_compare(value, FIELD_EQ, "0x10");
	field_compare(value, FIELD_HAS, "x");
	return true;
}

/* The same text as a reply and as the path of a field in it. */
static void fields(const char *text, size_t n)
{
	char path[256];
	size_t len = n < sizeof(path) ? n : sizeof(path) - 1;

	memcpy(path, text, len);
	path[len] = 0;
	if (field_check_path(path, NULL))
		return;
	field_each(text, n, path, ignore, NULL);
	field_each(text, n, "pages.*.verdict", ignore, NULL);
	field_each_named(text, n, "verdict", ignore, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario_error e = { 0 };
	struct scenario s;
	enum scenario_machine from = MACHINE_OF_FILE;
	char *text;

	if (size && data[0] < 3) {
		from = (enum scenario_machine)data[0];
		data++;
		size--;
	}
	/* A copy of that very size, so that a read past its end is seen. */
	text = malloc(size ? size : 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	if (scenario_parse(
		    &s, &(struct scenario_source){ "p", "n", from, &commands },
		    text, size, &e)) {
		require(e.msg[0] && (!e.line || e.column));
	} else {
		require(walk(s.first, 0) <= s.nr);
		scenario_free(&s);
	}
	fields(text, size);
	free(text);
	return 0;
}
