/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_PRIVS_H
#define GPCVM_PRIVS_H

#include <sys/types.h>

#include "base/err.h"

struct identity {
	uid_t uid;
	gid_t gid;
};

/* Return the user who started gpcvm: with sudo, the user who called sudo. */
struct identity privs_starter(void);
/* Return the user that root changes to: the starter or, if that is root, an
 * unused uid. */
struct identity privs_target(void);
/* Drop every capability for good and set no_new_privs; keep the uid. Call it
 * before the first thread is created: capabilities belong to a thread. */
int privs_drop(struct err *e);
/* The same, but keep CAP_SYS_ADMIN, if present, until privs_drop_kept(). */
int privs_keep_admin(struct err *e);
int privs_drop_kept(struct err *e);
/*
 * The same, and leave uid 0. Fills @id with the resulting user: privs_target(),
 * or in a user namespace without that uid nobody, or still uid 0.
 */
int privs_leave_root(struct identity *id, struct err *e);

#endif
