/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * record: write the requests of all clients as a scenario (scenario.h). The
 * recording is kept in memory until it ends, limited to what gpcvm play
 * accepts, and the file is created completely or not at all. Main thread.
 */
#ifndef GPCVM_RECORD_H
#define GPCVM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/session.h"

struct record_entry {
	char *line;   /* owned: a statement or a comment */
	char *expect; /* owned: the lines after it; NULL: none */
	char *why;    /* owned: why it became a comment; NULL: it did not */
	bool open;    /* no reply yet */
	bool storm;
	bool during; /* sent while the preceding storm ran */
	/* For a storm: position and length of its duration's word; the
	 * seed, if the line has none; how long it ran, if nothing in the
	 * recording ends it, otherwise 0. */
	size_t at, len;
	bool drawn, ran;
	uint64_t seed, ms, began_ns;
};

struct record {
	char *path;		      /* owned */
	char *vm;		      /* owned: the vm line */
	struct record_entry *entries; /* owned */
	unsigned int nr, cap;
	size_t bytes; /* of everything to write */
	unsigned int stmts;
	unsigned int storm; /* index of the running storm + 1; 0: none */
	uint64_t seen;	    /* seq of the last event processed */
	uint64_t kernel;    /* number of kernel messages added */
	bool from_start;    /* nothing was changed before */
	bool full;	    /* later requests are missing */
	/* Bits of record_needs[]: must be yes, must be no. */
	unsigned int needs;
	unsigned int lacks;
	uint64_t cpus; /* minimum number of CPUs */
};

/* A command that needs more of the kernel than the machine does. */
struct record_need {
	/* @word: among its arguments; may be NULL */
	const char *command, *word;
	const char *row; /* of gpcvm probe */
	bool lacks;	 /* "unsupported" shows that the row is not yes */
};

extern const struct record_need record_needs[];
extern const unsigned int record_needs_nr;

/* Callbacks for struct session that record each request. */
extern const struct request_watch record_watch;

/* ---- start and stop ----------------------------------------------------- */

int record_start(struct session *s, const char *path, struct err *e);
/* Write the file and add fields to @j. After a failure there is no file and
 * the recording continues. */
int record_stop(struct session *s, struct json *j, struct err *e);
/* Write the file when the machine has ended. Always frees the recording. */
void record_finish(struct session *s);

/* ---- record_write.c ----------------------------------------------------- */

/* Return the vm line for the machine's options. NULL and @e
 * if it cannot be written. */
char *record_vm_line(const struct machine *m, struct err *e);
/* Append @words to a line, quoted if necessary. False: out of memory. */
bool record_join(char **line, char *const *words, int nr);
/* Create the file completely, and only if there is none. */
int record_write(const struct record *r, struct session *s, struct err *e);

#endif
