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

/* Let @want be what the thread has. */
static int become(cap_t want, struct err *e)
{
	cap_t now;
	int differs;

	drop_bounding();
	cap_reset_ambient();
	if (cap_set_proc(want))
		return err_os(e, errno, "dropping capabilities");
	now = cap_get_proc();
	if (!now)
		return err_os(e, errno, "looking at capabilities");
	differs = cap_compare(now, want);
	cap_free(now);
	if (differs)
		return err_os(
			e, 0,
			"some capabilities are still there after dropping "
			"them");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_os(e, errno, "PR_SET_NO_NEW_PRIVS");
	return 0;
}

int privs_drop(struct err *e)
{
	cap_t none = cap_init();
	int r = none ? become(none, e) : err_os(e, errno, "cap_init");

	if (none)
		cap_free(none);
	return r;
}

int privs_keep(int cap, struct err *e)
{
	const cap_value_t keep = cap;
	cap_t one = cap_init();
	int r;

	if (!one || cap_set_flag(one, CAP_PERMITTED, 1, &keep, CAP_SET) ||
	    cap_set_flag(one, CAP_EFFECTIVE, 1, &keep, CAP_SET))
		r = err_os(e, errno, "capability %d", cap);
	else
		r = become(one, e);
	if (one)
		cap_free(one);
	return r;
}
