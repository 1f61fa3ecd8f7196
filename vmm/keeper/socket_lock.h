/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A lock beside a socket's path, for processes that create a socket there at
 * the same time: a directory PATH.lock with mode 0700, so that no other user
 * can open it, and thereby hold it. The new socket is created inside. The
 * directory exists while the lock is held; one left by a killed gpcvm is taken
 * over.
 */
#ifndef GPCVM_SOCKET_LOCK_H
#define GPCVM_SOCKET_LOCK_H

#include <limits.h>
#include <stddef.h>

#include "base/err.h"

#define SOCKET_LOCK_SUFFIX ".lock"
#define SOCKET_LOCK_ENTRY  "socket" /* the socket inside */

struct socket_lock {
	int fd;	 /* the lock, owned */
	int dir; /* the directory that contains it; not owned */
	char name[NAME_MAX + sizeof(SOCKET_LOCK_SUFFIX)];
};

/* Lock the path @name in @dir; @path is for messages. Waits some seconds for
 * another gpcvm, less if a signal that ends this one is pending. */
int socket_lock_take(struct socket_lock *l, int dir, const char *name,
		     const char *path, struct err *e);
/* Remove the lock and what is left in it. */
void socket_lock_drop(struct socket_lock *l);
/* Store the path of the entry in the lock of @path, short enough for a
 * socket. */
void socket_lock_path(const struct socket_lock *l, const char *path, char *to,
		      size_t size);

#endif
