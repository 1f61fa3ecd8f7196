// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <string.h>

#include "base/num.h"
#include "config/guests.h"

const struct guest_kind guest_kinds[] = {
	{ "agent", "waits for operations (the default)", true, false },
	{ "hello", "prints a line on the serial port and ends", false, false },
	{ "clockwatch",
	  "reads its clocks and steal time for ever, reports what is wrong",
	  true, false },
	{ "linux", "Linux, with a shell, and an agent that watches all clocks",
	  true, true },
};

const unsigned int guest_kinds_nr = ARRAY_SIZE(guest_kinds);

const struct guest_kind *guest_find(const char *name)
{
	for (unsigned int i = 0; i < guest_kinds_nr; i++)
		if (!strcmp(guest_kinds[i].name, name))
			return &guest_kinds[i];
	return NULL;
}

bool guest_has_agent(const char *name)
{
	const struct guest_kind *g = guest_find(name);

	return g && g->agent;
}
