// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>

#include "machine/machine.h"

int machine_guard(struct machine *m, uint64_t gpa, uint64_t len, struct err *e)
{
	if (m->cfg->no_guard || gpa >= m->layout.own_end)
		return 0;
	return err_state(e,
			 "gpa 0x%" PRIx64 ", length 0x%" PRIx64
			 " overlaps the guest's own memory (below 0x%" PRIx64
			 "): gpcvm run --no-guard allows it",
			 gpa, len, m->layout.own_end);
}
