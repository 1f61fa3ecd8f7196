// SPDX-License-Identifier: GPL-2.0-only
/* Any text: the reader ends, keeps its promises, and rendering it for people
 * lets no control character through. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/text.h"
#include "ctl/ctl_render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void walk(const char *text, size_t n)
{
	struct json_read r;
	char buf[64];
	size_t steps = 0;

	json_read_init(&r, text, n);
	while (json_read_next(&r) != JSON_BAD && r.last != JSON_END) {
		struct json_read skip = r;
		size_t len;

		require(++steps <= n);
		require(r.depth <= JSON_MAX_DEPTH);
		require(r.text >= text && r.text + r.len <= text + n);
		len = json_read_string(&r, buf, sizeof(buf));
		require(len < sizeof(buf) && !buf[len]);
		require(utf8_valid(buf, len));
		if (strlen(buf) == len && len + 4 < sizeof(buf) &&
		    (r.last == JSON_KEY || r.last == JSON_STRING))
			require(json_read_is(&r, buf));
		if (steps < 100)
			json_read_skip(&skip);
	}
	require(json_read_next(&r) == r.last);
}

static void render(const char *text, size_t n, size_t width)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		return;
	reply_render(f, text, n, width);
	require(fclose(f) == 0);
	require(len && out[len - 1] == '\n' && utf8_valid(out, len));
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)out[i];

		require((c >= 0x20 && c != 0x7f) || c == '\n');
		require(c != 0xc2 || (unsigned char)out[i + 1] >= 0xa0);
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply r;
	/* A copy of that very size, so that a read past its end is seen. */
	char *text = malloc(size ? size : 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	walk(text, size);
	reply_classify(text, size, &r);
	render(text, size, 0);
	render(text, size, size ? data[0] : 40);
	free(text);
	return 0;
}
