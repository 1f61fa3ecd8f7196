// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "play/outcome.h"

void outcome_free(struct outcome *out)
{
	free(out->notes);
	json_free(&out->verdicts);
}

const char *result_name(enum result r)
{
	static const char *const names[] = {
		[RESULT_PASS] = "pass",
		[RESULT_FAIL] = "fail",
		[RESULT_SKIP] = "skip",
	};

	return names[r];
}
