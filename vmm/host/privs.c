// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/num.h"
#include "host/privs.h"

/*
 * Base of a uid per process, above those that distributions and container
 * managers use. With nobody, two machines could signal each other, and so could
 * every daemon that runs as nobody. A pid is less than 2^22 (PID_MAX_LIMIT in
 * include/linux/threads.h).
 */
#define UNUSED_BASE 0x70000000U
/* For a user namespace without such a uid. */
#define NOBODY	    65534U

/* ---- capabilities ------------------------------------------------------- */

/* Empty the bounding set, so that an exec brings back no capability. That takes
 * CAP_SETPCAP; without it no_new_privs does the same. */
static void drop_bounding(void)
{
	/* Ends at the first capability that the kernel does not know, or at
	 * once. */
	for (cap_value_t c = 0; !cap_drop_bound(c); c++)
		;
}

/* Drop every capability that is not in @want. */
static int set_capabilities(cap_t want, struct err *e)
{
	cap_t now = NULL;
	int r = 0;

	if (!want || cap_set_proc(want))
		r = err_os(e, errno, "dropping capabilities");
	else if (!(now = cap_get_proc()))
		r = err_os(e, errno, "reading capabilities");
	else if (cap_compare(now, want))
		r = err_os(e, 0,
			   "some capabilities remain after dropping them");
	if (now)
		cap_free(now);
	if (want)
		cap_free(want);
	return r;
}

static int drop_capabilities(struct err *e)
{
	cap_reset_ambient();
	if (set_capabilities(cap_init(), e))
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_os(e, errno, "prctl of PR_SET_NO_NEW_PRIVS");
	return 0;
}

int privs_keep_admin(struct err *e)
{
	const cap_value_t admin = CAP_SYS_ADMIN;
	cap_t now = cap_get_proc(), want = cap_init();
	cap_flag_value_t has = CAP_CLEAR;

	if (now)
		cap_get_flag(now, admin, CAP_EFFECTIVE, &has);
	if (now)
		cap_free(now);
	if (want && has == CAP_SET &&
	    (cap_set_flag(want, CAP_PERMITTED, 1, &admin, CAP_SET) ||
	     cap_set_flag(want, CAP_EFFECTIVE, 1, &admin, CAP_SET))) {
		cap_free(want);
		return err_os(e, errno, "cap_set_flag of CAP_SYS_ADMIN");
	}
	drop_bounding();
	cap_reset_ambient();
	if (set_capabilities(want, e))
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_os(e, errno, "prctl of PR_SET_NO_NEW_PRIVS");
	return 0;
}

int privs_drop_kept(struct err *e)
{
	return set_capabilities(cap_init(), e);
}

int privs_drop(struct err *e)
{
	drop_bounding();
	return drop_capabilities(e);
}

/* ---- the uid ------------------------------------------------------------ */

/* Read sudo's variables; root may have set them to anything. */
static bool sudo_user(struct identity *id)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
	uint64_t u, g;
	struct err e;

	if (!uid || !gid ||
	    num_parse_range(uid, "SUDO_UID", 1, UINT32_MAX - 1, &u, &e) ||
	    num_parse_range(gid, "SUDO_GID", 1, UINT32_MAX - 1, &g, &e))
		return false;
	*id = (struct identity){ (uid_t)u, (gid_t)g };
	return true;
}

struct identity privs_starter(void)
{
	struct identity id = { getuid(), getgid() };

	if (!id.uid)
		sudo_user(&id);
	return id;
}

struct identity privs_target(void)
{
	const uid_t unused = UNUSED_BASE + (uid_t)getpid();
	struct identity id = privs_starter();

	return id.uid ? id : (struct identity){ unused, unused };
}

/* Returns 0 or an errno. Sets the group first: a namespace without it may
 * also forbid setgroups(), and only setresgid() returns EINVAL
 * (user_namespaces(7)). */
static int become_user(struct identity id)
{
	if (setresgid(id.gid, id.gid, id.gid) || setgroups(0, NULL) ||
	    setresuid(id.uid, id.uid, id.uid))
		return errno;
	return 0;
}

/* The limit counts the threads of any user but root (kernel/fork.c,
 * is_rlimit_overlimit): allow as many as root could have. */
static void raise_thread_limit(void)
{
	struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };

	if (!setrlimit(RLIMIT_NPROC, &l) || getrlimit(RLIMIT_NPROC, &l))
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NPROC, &l);
}

/* Leave uid 0. In a user namespace EINVAL means that the uid does not exist. */
static int become_other(struct identity *id, struct err *e)
{
	int r;

	raise_thread_limit();
	r = become_user(*id);
	if (r == EINVAL) {
		*id = (struct identity){ NOBODY, NOBODY };
		r = become_user(*id);
	}
	if (r == EINVAL) { /* "unshare -r": only uid 0 exists */
		*id = (struct identity){ geteuid(), getegid() };
		return 0;
	}
	return r ? err_os(e, r, "leaving uid 0 for uid %u", id->uid) : 0;
}

/* Check that no way leads back. */
static int check_left(struct identity id, struct err *e)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) || getresgid(&g[0], &g[1], &g[2]))
		return err_os(e, errno, "getresuid");
	for (int i = 0; i < 3; i++)
		if (u[i] != id.uid || g[i] != id.gid)
			return err_os(e, 0,
				      "still uid %u, gid %u after "
				      "changing them",
				      u[i], g[i]);
	if (id.uid && (!setresuid(-1U, 0, -1U) || !setresgid(-1U, 0, -1U)))
		return err_os(e, 0, "uid %u can become root again", id.uid);
	return 0;
}

int privs_leave_root(struct identity *id, struct err *e)
{
	const pid_t parent = getppid();
	int end = 0;

	/* A change of the uid clears what gpcvm play has set (kernel/cred.c,
	 * commit_creds). */
	if (prctl(PR_GET_PDEATHSIG, &end, 0, 0, 0))
		return err_os(e, errno, "prctl of PR_GET_PDEATHSIG");
	*id = geteuid() ? privs_starter() : privs_target();
	drop_bounding();
	if (!geteuid() && become_other(id, e))
		return -1;
	if (end && prctl(PR_SET_PDEATHSIG, end, 0, 0, 0))
		return err_os(e, errno, "prctl of PR_SET_PDEATHSIG");
	if (end && getppid() != parent)
		raise(end);
	return drop_capabilities(e) || check_left(*id, e) ? -1 : 0;
}
