/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event log: the last EVENTS_KEPT things that happened, in memory. Any
 * thread may add; the main thread hands new ones to subscribers.
 */
#ifndef GPCVM_EVENT_H
#define GPCVM_EVENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "json.h"

#define EVENTS_KEPT 1024
#define EVENT_TEXT  224

enum event_type {
	EVENT_CONTROL, /* a request and how it ended */
	EVENT_EXIT,    /* a KVM exit of note */
	EVENT_GUEST,   /* the guest reports something */
	EVENT_KERNEL,  /* host kernel message, WARNING or worse */
	EVENT_MACHINE, /* the machine starts, is ready, ends */
	EVENT_MODEL,   /* what was seen is not what the model expects */
};

struct event {
	uint64_t seq; /* 1, 2, 3 ...: a gap says that some were lost */
	uint64_t ns;  /* CLOCK_MONOTONIC */
	enum event_type type;
	char text[EVENT_TEXT];
};

struct events {
	pthread_mutex_t lock;
	struct event *ring; /* owned */
	uint64_t last;	    /* seq of the newest; 0: none yet */
	uint64_t kernel;    /* how many EVENT_KERNEL there were; atomic */
	int wake;	    /* eventfd, owned: signalled while armed */
	bool armed;	    /* somebody subscribes */
};

int events_init(struct events *ev, struct err *e);
void events_free(struct events *ev);
/* Text longer than EVENT_TEXT - 1 is cut. */
void event_add(struct events *ev, enum event_type type, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* As event_add(), for text that needs no formatting (the control path: it is
 * called for each request). @outcome is NULL or follows in brackets. */
void event_add_request(struct events *ev, const char *line, size_t len,
		       const char *outcome);
/* Copy event @seq; false if it is not there (yet, or no longer). */
bool event_get(struct events *ev, uint64_t seq, struct event *out);
uint64_t events_last(struct events *ev);
/* How many kernel messages there were. */
uint64_t events_kernel(struct events *ev);
/* Write an event as one JSON object. */
void event_json(const struct event *e, struct json *j, const char *key);
/* Wake the fd for every new event (@on), or no longer. */
void events_arm(struct events *ev, bool on);

#endif
