// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "base/command.h"

const struct command *command_find(const struct command_table *t,
				   const char *name)
{
	for (unsigned int i = 0; i < t->nr; i++)
		if (t->rows[i].name[0] == name[0] &&
		    !strcmp(t->rows[i].name, name))
			return &t->rows[i];
	return NULL;
}
