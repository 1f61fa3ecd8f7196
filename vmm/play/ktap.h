/* SPDX-License-Identifier: GPL-2.0-only */
/* Results as KTAP version 1 (Documentation/dev-tools/ktap.rst) or as JSON, one object
 * per line. */
#ifndef GPCVM_KTAP_H
#define GPCVM_KTAP_H

#include <stdbool.h>
#include <stdint.h>

#include "play/outcome.h"

/*
 * Begins a note about the host. It is printed as "# ", and only once in a run for
 * notes that differ in numbers alone, such as "process 7 also has a VM".
 */
#define KTAP_HOST_NOTE	"#\t"
#define KTAP_HOST_NOTES 16 /* different ones; more are printed each time */

struct ktap {
	bool json;
	unsigned int nr, done;		/* planned; reported */
	unsigned int counts[3];		/* by enum result */
	uint64_t said[KTAP_HOST_NOTES]; /* hashes of the host's notes */
	unsigned int nr_said;
	int write_errno; /* of the first write that failed; 0: none */
};

/* Print the plan. */
void ktap_begin(struct ktap *k, bool json, unsigned int nr);
/* Show on standard error, if that is a terminal, that scenario @name starts. */
void ktap_progress(const struct ktap *k, const char *name);
void ktap_result(struct ktap *k, const char *name, const struct outcome *o);
/* After the last scenario. @summary: print a line with the counts. Returns the exit
 * status; prints an error if standard output could not be written. */
int ktap_end(struct ktap *k, bool summary);

#endif
