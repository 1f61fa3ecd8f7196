/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of commands. */
#ifndef GPCVM_COMMANDS_H
#define GPCVM_COMMANDS_H

#include "base/command.h"

extern const struct command_table commands;

#endif
