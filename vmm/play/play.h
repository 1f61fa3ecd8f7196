/* SPDX-License-Identifier: GPL-2.0-only */
/* `gpcvm play` and `gpcvm suite`. */
#ifndef GPCVM_PLAY_H
#define GPCVM_PLAY_H

#include "base/command.h"
#include "config/config.h"
#include "play/scenario_run.h"

#define PLAY_LIMIT_S 120 /* for one scenario */

/* argv[0] is the subcommand's name, @commands are what a scenario may have. They
 * return the exit status. */
int play_main(int argc, char **argv, const struct command_table *commands);
int suite_main(int argc, char **argv, const struct command_table *commands);
/* gpcvm run --scenario: @argv are its words, @cfg is what they say. */
int play_against(int argc, char **argv, const struct config *cfg,
		 const struct command_table *commands);

/* The options of both. -1 to go on, with optind at the first file; else the exit
 * status. @what is "play" or "suite", @usage its help. */
int play_parse(int argc, char **argv, const char *what, const char *usage,
	       struct play_options *o);

/* Scenarios that were read. */
struct play_list {
	struct scenario *all; /* owned */
	unsigned int nr, cap;
	bool wrong; /* one has a syntax error, which was told */
};

/* Read one. Errors are told at once. */
void play_add(struct play_list *l, const struct scenario_source *from);
void play_list_free(struct play_list *l);
/* Give those whose names are equal different ones: their paths, and then numbers.
 * KTAP's readers tell tests apart by name. -1 and a message: no memory. */
int play_list_unique(struct play_list *l);
/* Play them in turn with @one, and tell of each; with @summary of all as well.
 * Returns the exit status. */
int play_list_run(const struct play_list *l, const struct play_options *o,
		  void (*one)(const struct scenario *s,
			      const struct play_options *o,
			      struct outcome *out),
		  bool summary);
/* @path without ".scn", in @buf. */
const char *play_name(const char *path, char *buf, size_t size);

#endif
