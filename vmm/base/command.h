/* SPDX-License-Identifier: GPL-2.0-only */
/* A command of the control protocol, as the socket, the help, the reference manual
 * and scenarios know it. A new one is one handler and one row in command/commands.c. */
#ifndef GPCVM_COMMAND_H
#define GPCVM_COMMAND_H

struct request;

/* A handler: see request.h. */
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

/* NULL if there is none of that name. */
const struct command *command_find(const struct command_table *t,
				   const char *name);

#endif
