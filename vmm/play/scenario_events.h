/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a machine reports by itself: events, over a connection of their own, and
 * its output. A thread reads both as they come, because a client that reads too
 * slowly misses events.
 */
#ifndef GPCVM_SCENARIO_EVENTS_H
#define GPCVM_SCENARIO_EVENTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/ctl_link.h"
#include "play/reply.h"
#include "play/cancel.h"

#define EVENTS_OUTPUT 16384 /* bytes of output that are kept */

struct seen_event {
	int type;   /* event_type_find() */
	char *text; /* owned */
};

struct listener {
	struct ctl_link link;
	int output;   /* owned: the machine's stdout and stderr; -1: none */
	int end;      /* eventfd: the thread is to end */
	bool running; /* the thread */
	pthread_t thread;
	unsigned int types; /* bits: those to keep */
	uint64_t last_seq;  /* of the events that were read */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t more;
	struct seen_event *events; /* owned */
	size_t nr, cap;
	size_t dropped; /* events before events[0] */
	bool closed;	/* no more will come */
	int lost;	/* errno: some of this was lost; 0: nothing */
	char *text;	/* owned: the output */
	size_t len;
};

/* Prepare to listen; takes over @output. @types: bits. */
int listener_init(struct listener *l, int output, unsigned int types,
		  struct err *e);
/* Connect to @path and start the thread. @backlog: also read past events. Returns
 * -1 with an empty @e when @c cancels. */
int listener_start(struct listener *l, const char *path, bool backlog,
		   const struct cancel *c, struct err *e);
/* Fill @e with the reason of a reply that refuses us. Returns -1. */
int listener_refused(const struct reply_text *reply, struct err *e);
/* Note that no event will come: it could not be started. */
void listener_over(struct listener *l);
/* After the machine's end: read the rest and stop the thread. What was read stays
 * until listener_free(). */
void listener_stop(struct listener *l);
void listener_free(struct listener *l);

/* The place of the next event. */
size_t listener_place(struct listener *l);
/* Wait for an event of @type that contains @text, from *place on, and set *place
 * after it. Returns 0; 1 if the machine ended without one; -1 when @c cancels. */
int listener_wait(struct listener *l, int type, const char *text, size_t *place,
		  const struct cancel *c);

#endif
