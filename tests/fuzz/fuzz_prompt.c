// SPDX-License-Identifier: GPL-2.0-only
/* Keys at the prompt, and what a machine sends as its tables, up to the first
 * NUL: the line stays one, and words begin as what is typed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/complete.h"
#include "ctl/lineedit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void complete(const struct complete *c, struct lineedit *le)
{
	struct complete_words w;

	complete_line(c, le->buf, le->pos, &w);
	require(w.nr <= COMPLETE_MAX && w.typed <= le->pos);
	for (size_t i = 0; i < w.nr; i++) {
		require(w.common >= w.typed && w.common <= strlen(w.word[i]));
		require(memcmp(w.word[i], w.word[0], w.common) == 0);
		require(memcmp(w.word[i], le->buf + le->pos - w.typed,
			       w.typed) == 0);
	}
}

static void take(const struct complete *c, struct lineedit *le,
		 unsigned char key)
{
	switch (lineedit_byte(le, key)) {
	case LINEEDIT_DONE:
		lineedit_remember(le, le->buf, le->len);
		lineedit_reset(le);
		break;
	case LINEEDIT_TAB:
		complete(c, le);
		break;
	case LINEEDIT_ABANDONED:
		lineedit_reset(le);
		break;
	default:
		break;
	}
	require(le->pos <= le->len && strlen(le->buf) == le->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *reply = strndup((const char *)data, size);
	struct complete c = { .reply = { reply, reply, reply, reply } };
	static struct lineedit le;

	lineedit_init(&le);
	for (size_t i = strlen(reply); i < size; i++)
		if (data[i])
			take(&c, &le, data[i]);
	complete(&c, &le);
	lineedit_free(&le);
	free(reply);
	return 0;
}
