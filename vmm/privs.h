/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_PRIVS_H
#define GPCVM_PRIVS_H

#include "err.h"

/* Give up every capability, for good, and set no_new_privs. Before the first
 * thread is made: capabilities are a thread's own. */
int privs_drop(struct err *e);
/* The same for the calling thread, which keeps one (CAP_*). */
int privs_keep(int cap, struct err *e);

#endif
