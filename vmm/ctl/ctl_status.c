// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/ctl_status.h"

int ctl_closed(const struct ctl_link *l)
{
	struct err e;

	if (l->quit_answered)
		return CTL_OK;
	link_lost(l, &e);
	warn_err(&e);
	return CTL_LOST;
}
