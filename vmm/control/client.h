/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One client of the control socket. It has an input buffer, an output buffer
 * and at most one unfinished request: later lines wait for it, so that replies
 * stay in order.
 *
 * The memory per client is bounded: CLIENT_IN bytes of lines and the output of
 * one round. A round starts when all output has been sent and ends at
 * CLIENT_OUT bytes, so at most one reply exceeds them. Long replies (log) are
 * produced in parts and stop there as well.
 */
#ifndef GPCVM_CLIENT_H
#define GPCVM_CLIENT_H

#include "control/request.h"

#define CLIENT_IN  (16 * KIB)
#define CLIENT_OUT (64 * KIB)

struct client {
	struct control *ctl;
	struct client *next, **back;
	/* In the list of clients to send the next
	 * event to; back is NULL: not. */
	struct client *next_eager, **back_eager;
	struct loop_source source;
	uint32_t interest;
	char *in; /* CLIENT_IN bytes; allocated only while in use */
	size_t in_len;
	struct json out; /* output; not sent yet from out_sent on */
	size_t out_sent;
	struct request *busy; /* pending, or with parts of its reply to come */
	bool parts;	      /* @busy has parts to come */
	bool blocked;	      /* the socket is full: add no output */
	bool discard; /* discarding the rest of a line that was too long */
	bool eof;     /* the peer sends nothing more */
	bool broken;  /* the connection failed: close it */
	bool subscribed;
	uint64_t seen; /* seq of the last event sent */
};

struct control {
	struct session *s;
	struct machine *m; /* s->m */
	int fd;		   /* listening socket; owned */
	struct loop_source accept, events;
	struct loop_source retry; /* timer: resume accepting */
	/* Closed to accept and refuse one more connection; -1: none. */
	int reserve;
	bool starved; /* logged already; until a connection is accepted */
	struct client *clients, *eager;
	unsigned int nr, max;
	struct request *spare; /* kept to save an allocation per request */
};

/* client.c: take ownership of @fd, or return -1 with an error. */
int client_add(struct control *ctl, int fd, struct err *e);
/* Close the connection and abandon its request. */
void client_drop(struct client *cl);
/* Run requests, send output and update the epoll
 * events. May drop the client. */
void client_update(struct client *cl);

/* client_out.c: is there room for another reply or event? */
bool client_has_room(const struct client *cl);
void client_reply(struct client *cl, struct json *reply);
/* Add a part of a reply; @end: the last one. */
void client_part(struct client *cl, struct json *part, bool end);
void client_send_events(struct client *cl);
/* Send output; sets cl->blocked if the socket is full. */
void client_flush(struct client *cl);
/* Choose whether a new event wakes this client. */
void client_set_eager(struct client *cl, bool on);

#endif
