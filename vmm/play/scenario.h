/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scenario language: a straight list of statements, one a line, made of the
 * commands of the control protocol and of what is expected of their replies
 * (docs/gpcvm-scenario.5). ONE table has the statements; a new one is a row of
 * it (scenario_table.c), a function that looks at its arguments and a function
 * that runs it.
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
#define SCENARIO_MAX_BRANCH 64 /* of one parallel */
#define SCENARIO_MAX_REPEAT 1000000
#define SCENARIO_MAX_MS	    3600000 /* of one sleep */

struct branch;
struct command_table;
struct config;
struct stmt;

/* What a statement may stand in, or after. */
enum stmt_flags {
	STMT_TOP = 1,	  /* not inside parallel */
	STMT_FIRST = 2,	  /* before the first vm */
	STMT_MACHINE = 4, /* there has to be a machine */
	STMT_OPENS = 8,	  /* a block */
	STMT_CLOSES = 16, /* one */
	STMT_REPLY = 32,  /* there has to be a reply */
	STMT_DIRECT = 64, /* only expectations between it and the command */
	STMT_WAITS = 128, /* for an event of the type that the argument names */
};

struct statement {
	const char *name;
	const char *args;
	const char *help;      /* one line */
	const char *more;      /* the manual's paragraph; NULL: none */
	unsigned int min, max; /* arguments */
	unsigned int flags;
	/* Look at the arguments. -1 with the reason, and *bad the number of the
	 * wrong one. NULL: there is nothing to look at. */
	int (*parse)(struct stmt *s, int *bad, struct err *e);
	/* 0; -1 once branch_fail() has been told why, or all is to end. */
	int (*run)(struct branch *b, const struct stmt *s);
};

extern const struct statement statements[];
extern const unsigned int statements_nr;
/* The row of those that are commands of the control protocol. */
extern const struct statement statement_command;

const struct statement *statement_find(const char *name);

struct stmt {
	const struct statement *what;
	unsigned int line;  /* 1, 2, 3 ... */
	const char *text;   /* the line without blanks around it */
	char *words;	    /* owned: what argv points into */
	int argc;	    /* without the first word */
	char **argv;	    /* owned */
	uint64_t number;    /* sleep, repeat; wait end: the status */
	enum field_op op;   /* expect */
	struct config *cfg; /* vm: owned */
	/* A command: the expectations behind it allow that. */
	bool may_fail, may_disagree;
	struct stmt *body;  /* repeat; parallel and and: this branch */
	struct stmt *other; /* parallel and and: the next branch */
	struct stmt *next;
};

struct scenario {
	char *path; /* owned */
	char *name; /* owned: for people */
	char *buf;  /* owned: the text */
	struct stmt *first;
	unsigned int nr; /* statements */
	bool same;	 /* another one of the list has that name */
};

/* Who brings the machine that the commands are for. */
enum scenario_machine {
	MACHINE_OF_FILE, /* its vm lines */
	MACHINE_GIVEN,	 /* gpcvm run --scenario: there may be no vm line */
	MACHINE_RUNNING, /* play --control */
};

struct scenario_error {
	unsigned int line, column; /* 1, 2, 3 ...; 0: of the whole file */
	char msg[448];
};

/* Where one comes from. */
struct scenario_source {
	const char *path, *name;
	enum scenario_machine machine;
	const struct command_table *commands; /* that it may have */
};

/* Parse @n bytes of @text, which is copied. -1 and the first error; then there
 * is nothing to free. path and name are set, by copies. */
int scenario_parse(struct scenario *s, const struct scenario_source *from,
		   const char *text, size_t n, struct scenario_error *e);
/* The same for the file from->path. */
int scenario_load(struct scenario *s, const struct scenario_source *from,
		  struct scenario_error *e);
void scenario_free(struct scenario *s);

/* The number of a type of events that `wait` takes; -1: there is none of that
 * name. */
int scenario_event_type(const char *name, size_t n);

#endif
