/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_CTL_STATUS_H
#define GPCVM_CTL_STATUS_H

#include "ctl/ctl_link.h"

/* The exit status. */
enum ctl_status {
	CTL_OK,
	CTL_FAILED, /* an error reply */
	CTL_USAGE,
	CTL_LOST, /* no connection, or it was lost */
};

/* Report that the connection was closed, unless that was requested. */
int ctl_closed(const struct ctl_link *l);

#endif
