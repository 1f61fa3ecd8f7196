/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * record: what all clients send, written down as a scenario (scenario.h). It is
 * kept in memory until it ends, at most as much as gpcvm play takes, and becomes
 * a file as a whole or not at all. Main thread.
 */
#ifndef GPCVM_RECORD_H
#define GPCVM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/session.h"

struct record_entry {
	char *line;   /* owned: a statement, or a comment */
	char *expect; /* owned: the lines behind it; NULL */
	char *why;    /* owned: why it is a comment only; NULL */
	bool open;    /* there is no reply yet */
	bool storm;
	bool during; /* it came while the last storm above it ran */
	/* Of a storm: where in its line the word is that tells how long; the
	 * seed, where the line has none; and how long it ran, where nothing in
	 * the recording would end it: 0. */
	size_t at, len;
	bool drawn, ran;
	uint64_t seed, ms, began_ns;
};

struct record {
	char *path;		      /* owned */
	char *vm;		      /* owned: the vm line */
	struct record_entry *entries; /* owned */
	unsigned int nr, cap;
	size_t bytes; /* of all that is written */
	unsigned int stmts;
	unsigned int storm; /* of the one that runs, + 1; 0 */
	uint64_t seen;	    /* the last event that was looked at */
	uint64_t kernel;    /* messages that were noted */
	bool from_start;    /* nothing was changed before */
	bool full;	    /* what came later is missing */
	unsigned int needs; /* bits of record_needs[]: yes, and no */
	unsigned int lacks;
	uint64_t cpus; /* as many have to be there */
};

/* What a command needs of the kernel, beside what the machine does. */
struct record_need {
	const char *command, *word; /* word: among its arguments; NULL */
	const char *row;	    /* of gpcvm probe */
	bool lacks; /* "unsupported" says that the row is not yes */
};

extern const struct record_need record_needs[];
extern const unsigned int record_needs_nr;

/* For struct session: what is written down of each request. */
extern const struct request_watch record_watch;

/* ---- for who starts and ends one ---------------------------------------- */

int record_start(struct session *s, const char *path, struct err *e);
/* Write the file; fields go to @j. -1: it is not there, and the recording goes
 * on. */
int record_stop(struct session *s, struct json *j, struct err *e);
/* The machine has ended: likewise, and free it in any case. */
void record_finish(struct session *s);

/* ---- record_write.c ----------------------------------------------------- */

/* The vm line for the machine's options; NULL and @e: it cannot be written. */
char *record_vm_line(const struct machine *m, struct err *e);
/* Append @words to a line, quoted where they have to be. False: no memory. */
bool record_join(char **line, char *const *words, int nr);
/* Make it: as a whole, and where there is none. */
int record_write(const struct record *r, struct session *s, struct err *e);

#endif
