/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket: clients, lines in, replies and events out. All of it on
 * the main thread. */
#ifndef GPCVM_CONTROL_H
#define GPCVM_CONTROL_H

#include <sys/types.h>

#include "commands.h"
#include "machine.h"

struct control;
struct client;

/* Have m->keeper bind cfg->control (mode 0600), replacing the socket of a gpcvm
 * that is gone, and listen. NULL and an error where that cannot be. */
struct control *control_open(struct machine *m, struct err *e);
/* Send what is still to be sent, end the keeper, close everything. */
void control_close(struct control *c);
/* Send events to this client from now on, or no longer. */
void control_subscribe(struct client *cl, bool on);

/* ---- control_socket.c, in the keeper: a socket that listens, and its place  */

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
