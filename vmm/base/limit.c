// SPDX-License-Identifier: GPL-2.0-only
#include "base/limit.h"

/* Sources in excess of LIMIT_SOURCES share the last entry. */
static struct limit *limit_of(struct limits *l, const char *source)
{
	struct limit *at = l->sources;

	while (at->source && at->source != source &&
	       at < l->sources + LIMIT_SOURCES - 1)
		at++;
	at->source = source;
	return at;
}

bool limit_pass(struct limits *l, const char *source, uint64_t now,
		uint64_t *missed)
{
	struct limit *at = limit_of(l, source);

	*missed = 0;
	if (!at->passed || (l->again_ns && now - at->since >= l->again_ns)) {
		at->since = now;
		at->passed = 0;
		at->row = 0;
	}
	if (at->passed < l->burst) {
		at->passed++;
	} else {
		at->row++;
		if (at->row & (at->row - 1) || at->row == 1) {
			at->missed++;
			l->missed++;
			return false;
		}
	}
	*missed = at->missed;
	at->missed = 0;
	return true;
}
