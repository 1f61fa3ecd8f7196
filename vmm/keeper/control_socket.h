/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket's place in the file system, and who may connect. */
#ifndef GPCVM_CONTROL_SOCKET_H
#define GPCVM_CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* ---- in the keeper: a socket that listens, and its place --------------- */

struct control_socket {
	int fd;		  /* owned */
	int dir;	  /* its directory, O_PATH; owned */
	const char *path; /* as given; the caller's */
	const char *name; /* the last part of it */
	dev_t dev;	  /* what was made there */
	ino_t ino;
};

/* @path exists from when it listens; @path stays the caller's until
 * socket_remove(). Replaces the socket of a gpcvm that is gone, nothing else. */
int socket_listen(struct control_socket *s, const char *path, struct err *e);
/* Remove the path if it is still this socket's, and close it. */
int socket_remove(struct control_socket *s, struct err *e);

/* ---- and in the machine ------------------------------------------------- */

/* May the process at the other end give orders? Root and @starter may. */
int socket_check_peer(int fd, uid_t starter, struct err *e);

#endif
