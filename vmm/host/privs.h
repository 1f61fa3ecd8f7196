/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_PRIVS_H
#define GPCVM_PRIVS_H

#include <sys/types.h>

#include "base/err.h"

struct identity {
	uid_t uid;
	gid_t gid;
};

/* The user who started gpcvm: through sudo the one who called that. */
struct identity privs_starter(void);
/* What root becomes: the starter, or if that is root a uid that nothing else
 * uses. */
struct identity privs_target(void);
/* Give up every capability, for good, and set no_new_privs; the uid stays.
 * Before the first thread is made: capabilities are a thread's own. */
int privs_drop(struct err *e);
/* The same but for CAP_SYS_ADMIN, if that is there, until privs_drop_kept(). */
int privs_keep_admin(struct err *e);
int privs_drop_kept(struct err *e);
/*
 * The same, and leave uid 0. Fills @id with what the process is afterwards:
 * privs_target(), or in a user namespace without it nobody, or still uid 0.
 */
int privs_leave_root(struct identity *id, struct err *e);

#endif
