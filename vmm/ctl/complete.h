/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Complete the word at the cursor: commands, their arguments, operations and pv
 * pages. All come from the machine's own tables, as `help` and `gpc` report them.
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
	char *reply[NR_TABLES]; /* NULL: unknown */
};

/* Query the machine at @path, on a separate connection, until @halt becomes
 * readable. Returns -1 if a table is missing. */
int complete_load(struct complete *c, const char *path, int halt);
void complete_free(struct complete *c);

struct complete_words {
	char word[COMPLETE_MAX][COMPLETE_NAME];
	size_t nr;
	size_t typed;  /* length of the word before the cursor */
	size_t common; /* length of the prefix that all have; at least @typed */
};

/* List the words for the cursor after the first @n bytes of @line. */
void complete_line(const struct complete *c, const char *line, size_t n,
		   struct complete_words *w);

#endif
