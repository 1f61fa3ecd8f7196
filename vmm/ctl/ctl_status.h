/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_CTL_STATUS_H
#define GPCVM_CTL_STATUS_H

#include "ctl/ctl_link.h"

/* The exit status. */
enum ctl_status {
	CTL_OK,
	CTL_FAILED, /* the machine refused a command */
	CTL_USAGE,
	CTL_LOST, /* no connection, or none any more */
};

/* The connection is closed: say so unless that was asked for. */
int ctl_closed(const struct ctl_link *l);

#endif
