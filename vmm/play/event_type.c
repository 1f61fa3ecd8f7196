// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "base/num.h"
#include "play/scenario.h"

const char *const scenario_event_types[] = { "control", "exit",	   "guest",
					     "kernel",	"machine", "model" };
const unsigned int scenario_event_types_nr = ARRAY_SIZE(scenario_event_types);

int scenario_event_type(const char *name, size_t n)
{
	for (unsigned int i = 0; i < scenario_event_types_nr; i++)
		if (strlen(scenario_event_types[i]) == n &&
		    !memcmp(scenario_event_types[i], name, n))
			return (int)i;
	return -1;
}
