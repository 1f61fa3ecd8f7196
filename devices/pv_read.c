// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>

#include "devices/pv_read.h"

bool pv_readable(const struct agent_op *op, enum pv_verdict *verdict,
		 char why[static 160])
{
	switch (op->out[0]) {
	case ST_OK:
		return true;
	case ST_FAULT:
		agent_fault_text(op, why, 160);
		*verdict = VERDICT_ABSENT;
		return false;
	case ST_TORN:
		/* For every kind, out[1] is the version or state last read. */
		snprintf(why, 160,
			 "no consistent copy in %d tries: version or state "
			 "%" PRIu64,
			 OP_TRIES, op->out[1]);
		*verdict = VERDICT_TORN;
		return false;
	default:
		snprintf(why, 160, "the guest's agent returned status %" PRIu64,
			 op->out[0]);
		*verdict = VERDICT_UNSUPPORTED;
		return false;
	}
}
