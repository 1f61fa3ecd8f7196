// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "base/num.h"
#include "play/scenario.h"

static const char *const types[] = { "control", "exit",	   "guest",
				     "kernel",	"machine", "model" };

int scenario_event_type(const char *name, size_t n)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++)
		if (strlen(types[i]) == n && !memcmp(types[i], name, n))
			return (int)i;
	return -1;
}
