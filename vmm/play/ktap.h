/* SPDX-License-Identifier: GPL-2.0-only */
/* Results for others to read: KTAP version 1 (Documentation/dev-tools/ktap.rst),
 * or JSON, an object a line. */
#ifndef GPCVM_KTAP_H
#define GPCVM_KTAP_H

#include <stdbool.h>
#include <stdint.h>

#include "play/outcome.h"

/*
 * What a note of the host begins with: the terminal shows it as "# ", and once
 * in a run for what differs in numbers alone, such as "process 7 has a VM".
 */
#define KTAP_HOST_NOTE	"#\t"
#define KTAP_HOST_NOTES 16 /* different ones; of more each is printed */

struct ktap {
	bool json;
	unsigned int nr, done;		/* planned; reported */
	unsigned int counts[3];		/* by enum result */
	uint64_t said[KTAP_HOST_NOTES]; /* hashes of the host's notes */
	unsigned int nr_said;
	int write_errno; /* of the first result that could not be written; 0 */
};

/* The plan. */
void ktap_begin(struct ktap *k, bool json, unsigned int nr);
/* @name of one begins: shown where standard error is a terminal. */
void ktap_progress(const struct ktap *k, const char *name);
void ktap_result(struct ktap *k, const char *name, const struct outcome *o);
/* No more will be played. @summary: a line with the counts. Returns the exit
 * status; a message where standard output took not all. */
int ktap_end(struct ktap *k, bool summary);

/* One outcome as an object, into @j. */
void outcome_json(const struct outcome *o, const char *name, struct json *j);

#endif
