/* SPDX-License-Identifier: GPL-2.0-only */
/* How a scenario went. */
#ifndef GPCVM_OUTCOME_H
#define GPCVM_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

enum result { RESULT_PASS, RESULT_FAIL, RESULT_SKIP };

struct outcome {
	enum result result;
	bool interrupted;  /* by a signal: nothing more is to be played */
	char why[512];	   /* of a failure: the first; of a skip: the reason */
	unsigned int line; /* where; 0: at none */
	uint64_t ns;
	char *notes; /* owned: lines that start with "# ", or NULL */
	struct json
		verdicts; /* owned: elements of an array, without brackets */
};

const char *result_name(enum result r);
void outcome_free(struct outcome *out);

#endif
