/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lines of earlier prompts: $XDG_STATE_HOME/gpcvm/history, or
 * ~/.local/state/gpcvm/history (XDG Base Directory Specification). Errors are
 * reported once, and then nothing more is read or written.
 */
#ifndef GPCVM_HISTORY_H
#define GPCVM_HISTORY_H

#include <limits.h>

#include "ctl/lineedit.h"

struct history {
	char path[PATH_MAX]; /* empty: there is no file */
};

/* Have @le remember the lines of the file, which may not exist yet. */
void history_load(struct history *h, struct lineedit *le);
void history_append(struct history *h, const char *line);

#endif
