/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket: clients, lines in, replies and events out. All of it on
 * the main thread. */
#ifndef GPCVM_CONTROL_H
#define GPCVM_CONTROL_H

#include "commands.h"
#include "machine.h"

struct control;
struct client;

/* Bind @path (mode 0600), replacing the socket of a gpcvm that is gone, and
 * listen. NULL and an error where that cannot be. */
struct control *control_open(struct machine *m, const char *path,
			     struct err *e);
/* Send what is still to be sent, close everything, remove the socket. */
void control_close(struct control *c);
/* Send events to this client from now on, or no longer. */
void control_subscribe(struct client *cl, bool on);

/* control_socket.c */
int socket_listen(const char *path, struct err *e);
/* Close @fd, and remove @path if nobody else has taken it over. */
void socket_remove(const char *path, int fd);
/* May the process at the other end give orders? */
int socket_check_peer(int fd, struct err *e);

#endif
