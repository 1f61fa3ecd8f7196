/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which words can stand at the cursor: the machine's commands, their arguments,
 * operations and pv pages. All come from the machine's own tables, as `help` and
 * `gpc` show them.
 */
#ifndef GPCVM_COMPLETE_H
#define GPCVM_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

#define COMPLETE_MAX  64 /* words */
#define COMPLETE_NAME 48 /* bytes of one, its NUL counted */

enum complete_table {
	TABLE_COMMANDS,
	TABLE_GUEST, /* operations of `guest` */
	TABLE_STORM, /* and of `storm` */
	TABLE_PAGES,
	NR_TABLES,
};

struct complete {
	char *reply[NR_TABLES]; /* NULL: not known */
};

/* Ask the machine at @path, on a connection of its own. Gives up when @halt is
 * readable. -1: some table is missing. */
int complete_load(struct complete *c, const char *path, int halt);
void complete_free(struct complete *c);

struct complete_words {
	char word[COMPLETE_MAX][COMPLETE_NAME];
	size_t nr;
	size_t typed;  /* bytes before the cursor, which all begin with */
	size_t common; /* bytes that all begin with; no less than typed */
};

/* For the cursor behind the @n bytes of @line. */
void complete_line(const struct complete *c, const char *line, size_t n,
		   struct complete_words *w);

#endif
