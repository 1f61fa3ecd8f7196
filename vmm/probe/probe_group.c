// SPDX-License-Identifier: GPL-2.0-only
#include "base/num.h"
#include "probe/probe_row.h"

const struct probe_group *probe_group(unsigned int i)
{
	static const struct probe_group *const groups[] = {
		&probe_kernel, &probe_gmem,  &probe_modes,
		&probe_pv,     &probe_watch,
	};

	return i < ARRAY_SIZE(groups) ? groups[i] : NULL;
}
