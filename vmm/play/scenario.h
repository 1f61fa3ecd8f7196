/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scenario language: a list of statements, one per line, which are commands of
 * the control protocol and expectations of their replies (docs/gpcvm-scenario.5).
 * To add a statement, add a row to the table in scenario_table.c, a function that
 * checks its arguments and a function that runs it.
 */
#ifndef GPCVM_SCENARIO_H
#define GPCVM_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json_path.h"
#include "base/scenario_limits.h"

#define SCENARIO_MAX_DEPTH  16 /* of blocks in blocks */
#define SCENARIO_MAX_BRANCH 64 /* in one parallel */
#define SCENARIO_MAX_REPEAT 1000000
#define SCENARIO_MAX_MS	    3600000 /* of one sleep */

struct branch;
struct command_table;
struct config;
struct stmt;

/* Where a statement is allowed, and what it does to blocks. */
enum stmt_flags {
	STMT_TOP = 1,	  /* not inside parallel */
	STMT_FIRST = 2,	  /* before the first vm */
	STMT_MACHINE = 4, /* after a vm */
	STMT_OPENS = 8,	  /* opens a block */
	STMT_CLOSES = 16, /* closes a block */
	STMT_REPLY = 32,  /* after a reply */
	STMT_DIRECT = 64, /* only expectations between it and the command */
	STMT_WAITS = 128, /* waits for events of the type in its argument */
};

struct statement {
	const char *name;
	const char *args;
	const char *help;      /* one line */
	const char *more;      /* the manual's paragraph; NULL: none */
	unsigned int min, max; /* arguments */
	unsigned int flags;
	/* Check the arguments. -1 with the reason, and *bad the number of the
	 * wrong one. NULL: any will do. */
	int (*parse)(struct stmt *s, int *bad, struct err *e);
	/* 0; -1 after branch_fail(), or when cancelled. */
	int (*run)(struct branch *b, const struct stmt *s);
};

extern const struct statement statements[];
extern const unsigned int statements_nr;
/* The row for all commands of the control protocol. */
extern const struct statement statement_command;

const struct statement *statement_find(const char *name);

struct stmt {
	const struct statement *what;
	unsigned int line;  /* 1, 2, 3 ... */
	const char *text;   /* the line without blanks around it */
	char *words;	    /* owned: argv points into it */
	int argc;	    /* without the first word */
	char **argv;	    /* owned */
	uint64_t number;    /* sleep, repeat; wait end: the status */
	enum field_op op;   /* expect */
	struct config *cfg; /* vm: owned */
	/* A command: what the expectations after it allow. */
	bool may_fail, may_disagree;
	struct stmt *body;  /* repeat; parallel and and: this branch */
	struct stmt *other; /* parallel and and: the next branch */
	struct stmt *next;
};

struct scenario {
	char *path; /* owned */
	char *name; /* owned: for results */
	char *buf;  /* owned: the text */
	struct stmt *first;
	unsigned int nr; /* statements */
	bool same;	 /* another one in the list has the same name */
};

/* The machine that the commands are for. */
enum scenario_machine {
	MACHINE_OF_FILE, /* its vm lines */
	MACHINE_GIVEN,	 /* that of gpcvm run --scenario: no vm lines */
	MACHINE_RUNNING, /* that of play --control */
};

struct scenario_error {
	unsigned int line, column; /* 1, 2, 3 ...; 0: the whole file */
	char msg[448];
};

struct scenario_source {
	const char *path, *name;
	enum scenario_machine machine;
	const struct command_table *commands; /* that it may use */
};

/* Parse a copy of @n bytes of @text. Returns -1 with the first error and nothing to
 * free. */
int scenario_parse(struct scenario *s, const struct scenario_source *from,
		   const char *text, size_t n, struct scenario_error *e);
/* The same with the file from->path. */
int scenario_load(struct scenario *s, const struct scenario_source *from,
		  struct scenario_error *e);
void scenario_free(struct scenario *s);

#endif
