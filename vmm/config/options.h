/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of gpcvm run. */
#ifndef GPCVM_OPTIONS_H
#define GPCVM_OPTIONS_H

#include "config/config.h"

/* The command line into @cfg. Returns -1 to go on, else an exit status (help
 * was shown, or a message). The strings stay argv's. */
int run_options(int argc, char **argv, struct config *cfg);

/* Call @fn for each option of a command line that was parsed, with its full
 * name, and its value or NULL. */
void run_each_option(int argc, char **argv,
		     void (*fn)(void *arg, const char *name, const char *value),
		     void *arg);

enum run_asked { RUN_HELP = 1, RUN_VERSION };

/* The same without a word to anybody: 0, a run_asked, or -1 and the reason.
 * @argv is permuted as getopt(3) does. */
int run_parse(int argc, char **argv, struct config *cfg, struct err *e);

/* False where @word is an option that is not written out. */
bool run_is_option(const char *word);

#endif
