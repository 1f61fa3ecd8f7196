/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One client of the control socket. It has an input buffer, an output buffer
 * and at most one request that is not over: until it is, further lines wait, so
 * that replies come in order.
 *
 * What a client can make gpcvm keep is bounded: CLIENT_IN bytes of lines, and
 * the output of one round. A round begins when all that was to be sent has been
 * sent. It is over at CLIENT_OUT bytes, so there is one reply above them at
 * most; long replies (log) come in parts and stop there as well.
 */
#ifndef GPCVM_CLIENT_H
#define GPCVM_CLIENT_H

#include "control/request.h"

#define CLIENT_IN  (16 * KIB)
#define CLIENT_OUT (64 * KIB)

struct client {
	struct control *ctl;
	struct client *next, **back;
	/* Among those that are sent the next event; back is NULL: not. */
	struct client *next_eager, **back_eager;
	struct loop_source source;
	uint32_t interest;
	char *in; /* CLIENT_IN bytes; only while something is in it */
	size_t in_len;
	struct json out; /* what is to be sent, from out_sent on */
	size_t out_sent;
	struct request *busy; /* pending, or with parts of its reply to come */
	bool parts;	      /* the latter */
	bool blocked; /* takes no more for now: nothing is added to out */
	bool discard; /* the rest of a line that was too long */
	bool eof;     /* it will send nothing more */
	bool broken;  /* nor receive */
	bool subscribed;
	uint64_t seen; /* the last event it was sent */
};

struct control {
	struct session *s;
	struct machine *m; /* s->m */
	int fd;		   /* it listens; owned */
	struct loop_source accept, events;
	struct loop_source retry; /* a timer: try to accept again */
	int reserve;  /* closed to accept one more, and refuse it; -1: none */
	bool starved; /* the log says so, until one is accepted */
	struct client *clients, *eager;
	unsigned int nr, max;
	struct request *spare; /* one, to save an allocation a request */
};

/* client.c: @fd becomes the client's, or -1 with an error. */
int client_add(struct control *ctl, int fd, struct err *e);
/* Close it; what it asked for is abandoned. */
void client_drop(struct client *cl);
/* Run what can be run, send what can be sent, and wait for the right thing;
 * may drop it. */
void client_update(struct client *cl);

/* client_out.c: may a reply or an event be added? */
bool client_has_room(const struct client *cl);
void client_reply(struct client *cl, struct json *reply);
/* A part of a reply; @end: the last. */
void client_part(struct client *cl, struct json *part, bool end);
void client_send_events(struct client *cl);
/* Send; sets cl->blocked if the client takes no more. */
void client_flush(struct client *cl);
/* Whether a new event is a reason to look after it. */
void client_set_eager(struct client *cl, bool on);

#endif
