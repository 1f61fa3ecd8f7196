/* SPDX-License-Identifier: GPL-2.0-only */
/* What a scenario needs of the host. */
#ifndef GPCVM_SCENARIO_NEED_H
#define GPCVM_SCENARIO_NEED_H

#include <stdbool.h>

#include "base/err.h"
#include "play/scenario.h"
#include "probe/probe.h"

struct need {
	enum { NEED_ROW, NEED_NOT, NEED_KERNEL, NEED_CPUS } what;
	char row[48];
	enum field_op op; /* kernel, cpus */
	unsigned int version[2];
};

struct need_host {
	const struct probe *probe;
	const char *release; /* "6.18.44-..." */
	unsigned int cpus;
};

/* Parse a word of a need line. Returns -1 with a usage error. */
int need_parse(const char *word, struct need *n, struct err *e);
/* Returns true if the host has it, and false with the reason in @why. */
bool need_holds(const struct need *n, const struct need_host *h,
		char why[static 400]);

#endif
