// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <string.h>

#include "config/guests.h"

static const struct guest_kind kinds[] = {
	{ .name = "agent", .agent = true },
	{ .name = "hello" },
	{ .name = "clockwatch", .agent = true },
	{ .name = "linux", .agent = true, .kernel = true },
};

const struct guest_kind *guest_find(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

bool guest_has_agent(const char *name)
{
	const struct guest_kind *g = guest_find(name);

	return g && g->agent;
}
