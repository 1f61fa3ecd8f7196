/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_CTL_SHELL_H
#define GPCVM_CTL_SHELL_H

#include <stdbool.h>

#include "ctl/ctl_link.h"

/* The prompt for the machine at @path, until the user or the machine ends it: the exit status. */
int ctl_shell(struct ctl_link *l, const char *path, bool json);

#endif
