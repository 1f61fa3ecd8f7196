/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event log: the last EVENTS_KEPT things that happened, in memory. Any
 * thread may add; the main thread hands new ones to subscribers.
 *
 * What a guest can cause (EVENT_GUEST, EVENT_EXIT) is kept apart, so that it
 * pushes out none of the others, and limited: an event says how many like it were
 * left out before.
 */
#ifndef GPCVM_EVENT_H
#define GPCVM_EVENT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limit.h"

#define EVENTS_KEPT  1024
#define EVENTS_GUEST 512 /* that a guest caused */
/* From one source: so many at once, and again after so long. */
#define EVENTS_BURST 64
#define EVENTS_AGAIN (2 * NS_PER_SEC)
#define EVENT_TEXT   224

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

struct event_ring {
	struct event *events; /* owned */
	unsigned int size;
	uint64_t put; /* ever */
};

struct events {
	pthread_mutex_t lock;
	struct event_ring rings[2]; /* [1]: what a guest caused */
	struct limits limits;
	uint64_t last;		 /* seq of the newest; 0: none yet */
	_Atomic uint64_t kernel; /* how many EVENT_KERNEL there were */
	int wake;		 /* eventfd, owned: signalled while armed */
	bool armed;		 /* somebody subscribes */
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
/* Copy the first event after @seq that is still there; false: there is none. */
bool event_next(struct events *ev, uint64_t seq, struct event *out);
uint64_t events_last(struct events *ev);
/* The seq after which there are the last @n events. */
uint64_t events_before(struct events *ev, uint64_t n);
/* How many were left out, as a guest caused too many of the kind. */
uint64_t events_left_out(struct events *ev);
/* How many kernel messages there were. */
uint64_t events_kernel(struct events *ev);
/* Write an event as one JSON object. */
void event_json(const struct event *e, struct json *j, const char *key);
/* Wake the fd for every new event (@on), or no longer. */
void events_arm(struct events *ev, bool on);

#endif
