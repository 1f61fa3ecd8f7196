/* SPDX-License-Identifier: GPL-2.0-only */
/* A command of the control protocol. The socket, `help`, the reference manual
 * and scenarios all use this table. To add a command, write one handler and add
 * one row to command/commands.c. */
#ifndef GPCVM_COMMAND_H
#define GPCVM_COMMAND_H

struct request;

/* A command's handler; request.h describes its result. */
typedef int (*command_fn)(struct request *rq);

struct command {
	const char *name;
	const char *args;
	const char *help;      /* one line */
	const char *more;      /* the manual's paragraph; NULL: none */
	unsigned int min, max; /* arguments */
	command_fn fn;
};

struct command_table {
	const struct command *rows;
	unsigned int nr;
};

/* Return the command called @name, or NULL. */
const struct command *command_find(const struct command_table *t,
				   const char *name);

#endif
