/* SPDX-License-Identifier: GPL-2.0-only */
/* `gpcvm play`, and `gpcvm suite`, which is `gpcvm play --suite`. */
#ifndef GPCVM_PLAY_H
#define GPCVM_PLAY_H

#include "base/command.h"
#include "config/config.h"
#include "play/scenario_run.h"

#define PLAY_LIMIT_S 120 /* for one scenario */

/* argv[0] is the name of the subcommand; scenarios may use @commands. They return
 * the exit status. */
int play_main(int argc, char **argv, const struct command_table *commands);
int suite_main(int argc, char **argv, const struct command_table *commands);
/* gpcvm run --scenario: @argv is its command line, @cfg what that parsed to. */
int play_against(int argc, char **argv, const struct config *cfg,
		 const struct command_table *commands);

/* ---- play_list.c -------------------------------------------------------- */

struct play_list {
	struct scenario *all; /* owned */
	unsigned int nr, cap;
	bool wrong; /* an error was reported: play nothing */
};

/* Parse the file from->path, or every scenario in and below that directory. With
 * @suite, leave the directory out of their names. Prints errors and sets
 * l->wrong; from->name is ignored. */
void play_list_add(struct play_list *l, const struct scenario_source *from,
		   bool suite);
void play_list_free(struct play_list *l);
/* Play the scenarios in turn and report each. Returns the exit status. */
int play_list_run(struct play_list *l, const struct play_options *o);

/* ---- play_process.c ----------------------------------------------------- */

/* As scenario_play(), in a process of its own. */
void play_process(const struct scenario *s, const struct play_options *o,
		  struct outcome *out);

#endif
