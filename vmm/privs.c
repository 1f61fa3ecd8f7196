// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "privs.h"

/* The bounding set limits what an exec could bring back; emptying it takes
 * CAP_SETPCAP, and where that is missing no_new_privs does the same. */
static void drop_bounding(void)
{
	/* Ends at the first that the kernel does not know, or at once. */
	for (cap_value_t c = 0; !cap_drop_bound(c); c++)
		;
}

int privs_drop(struct err *e)
{
	cap_t none = cap_init(), now;
	int differs;

	if (!none)
		return err_os(e, errno, "cap_init");
	drop_bounding();
	cap_reset_ambient();
	if (cap_set_proc(none)) {
		err_os(e, errno, "dropping capabilities");
		cap_free(none);
		return -1;
	}
	now = cap_get_proc();
	differs = now ? cap_compare(now, none) : -1;
	cap_free(none);
	if (now)
		cap_free(now);
	if (differs)
		return err_os(
			e, 0,
			"some capabilities are still there after dropping "
			"all of them");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_os(e, errno, "PR_SET_NO_NEW_PRIVS");
	return 0;
}
