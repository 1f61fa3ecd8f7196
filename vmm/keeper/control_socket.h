/* SPDX-License-Identifier: GPL-2.0-only */
/* Create and remove the control socket, and check who may connect. */
#ifndef GPCVM_CONTROL_SOCKET_H
#define GPCVM_CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* ---- in the keeper: a socket that listens, and its place --------------- */

struct control_socket {
	int fd;		  /* owned */
	int dir;	  /* its directory, O_PATH; owned */
	const char *path; /* as given; owned by the caller */
	const char *name; /* its last part */
	dev_t dev;	  /* identify the socket's inode */
	ino_t ino;
};

/* Listen at @path, which the caller keeps until socket_remove(). The path
 * appears once the socket listens. Replaces only the socket of a gpcvm that is
 * gone. */
int socket_listen(struct control_socket *s, const char *path, struct err *e);
/* Remove the path if it is still this socket, and close the socket. */
int socket_remove(struct control_socket *s, struct err *e);

/* ---- and in the machine ------------------------------------------------- */

/* Check that the process at the other end may control the machine: root and
 * @starter may. */
int socket_check_peer(int fd, uid_t starter, struct err *e);

#endif
