/* SPDX-License-Identifier: GPL-2.0-only */
/* `gpcvm ctl`: the client of the control socket. */
#ifndef GPCVM_CTL_H
#define GPCVM_CTL_H

#include <stdbool.h>

#include "ctl_link.h"

enum ctl_status {
	CTL_OK,
	CTL_FAILED, /* the machine refused a command */
	CTL_USAGE,
	CTL_LOST, /* no connection, or none any more */
};

/* argv[0] is the subcommand's name. Returns the exit status. */
int ctl_main(int argc, char **argv);

/* The rest is between ctl.c and ctl_shell.c. */

/* The prompt, until the user or the machine ends it. */
int ctl_shell(struct ctl_link *l, bool json);

/* The connection is closed: say so unless that was asked for. */
int ctl_closed(const struct ctl_link *l);

#endif
