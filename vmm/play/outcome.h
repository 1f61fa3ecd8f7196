/* SPDX-License-Identifier: GPL-2.0-only */
/* The result of a scenario. */
#ifndef GPCVM_OUTCOME_H
#define GPCVM_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

enum result { RESULT_PASS, RESULT_FAIL, RESULT_SKIP };

struct outcome {
	enum result result;
	bool interrupted;  /* by a signal: play no more scenarios */
	char why[512];	   /* the first failure, or the reason of a skip */
	unsigned int line; /* of why; 0: none */
	uint64_t ns;
	char *notes;	      /* owned: lines that begin with "# ", or NULL */
	struct json verdicts; /* owned: an array's elements, no brackets */
};

void outcome_free(struct outcome *out);

#endif
