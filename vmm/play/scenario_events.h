/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a machine says by itself: its events, over a connection that is only for
 * them, and what it prints. A thread takes both in as they come, because a
 * client that reads too slowly misses events.
 */
#ifndef GPCVM_SCENARIO_EVENTS_H
#define GPCVM_SCENARIO_EVENTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/ctl_link.h"
#include "play/scenario_halt.h"

#define EVENTS_OUTPUT 16384 /* bytes of what it prints that are kept */

struct seen_event {
	uint64_t seq;
	int type;   /* scenario_event_type() */
	char *text; /* owned */
};

struct listener {
	struct ctl_link link;
	int output;   /* the machine's stdout and stderr; -1: not ours */
	int end;      /* eventfd: it is to end */
	bool running; /* the thread */
	pthread_t thread;
	unsigned int types; /* bits: those to keep */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t more;
	struct seen_event *events; /* owned */
	size_t nr, cap;
	size_t dropped; /* that were before events[0] */
	bool closed;	/* no more will come */
	int lost;	/* errno: some of this could not be taken in; 0 */
	char *text;	/* owned: what was printed */
	size_t len;
};

/* @output is taken over. Take in nothing yet. */
/* Fill @e with what the machine answers to a connection that it refuses; -1. */
int listener_refused(const char *line, size_t n, struct err *e);
int listener_init(struct listener *l, int output, unsigned int types,
		  struct err *e);
/* Connect to @path and begin. @backlog: with the events from before. -1; e is
 * empty when all is to end. */
int listener_start(struct listener *l, const char *path, bool backlog,
		   const struct halt *h, struct err *e);
/* It could not be started: no event will come. */
void listener_over(struct listener *l);
/* The machine is gone: take in the rest, end. What was seen can still be read. */
void listener_stop(struct listener *l);
void listener_free(struct listener *l);

/* How many events there are: the place of the next one. */
size_t listener_place(struct listener *l);
/* Wait for an event of @type with @text from *place on, and step *place behind
 * it. 0; 1: the machine is gone and there was none; -1: all is to end. */
int listener_wait(struct listener *l, int type, const char *text, size_t *place,
		  const struct halt *h);

#endif
