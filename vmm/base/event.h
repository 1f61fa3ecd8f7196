/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event log: the last EVENTS_KEPT events, in memory. Any thread may add
 * one; the main thread sends new ones to subscribers.
 *
 * Events that a guest can cause (EVENT_GUEST, EVENT_EXIT) are kept in a ring of
 * their own, so that they push out no others, and they are rate-limited: an
 * event states how many like it were suppressed before it.
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
#define EVENTS_GUEST 512 /* events that a guest caused */
/* Rate limit for each source: events in a burst, and ns until the next
 * burst. */
#define EVENTS_BURST 64
#define EVENTS_AGAIN (2 * NS_PER_SEC)
#define EVENT_TEXT   224

enum event_type {
	EVENT_CONTROL, /* a request and how it ended */
	EVENT_EXIT,    /* a KVM exit of note */
	EVENT_GUEST,   /* the guest reports something */
	EVENT_KERNEL,  /* host kernel message, WARNING or worse */
	EVENT_MACHINE, /* the machine starts, is ready, ends */
	EVENT_MODEL, /* the guest saw something that the model did not expect */
};

struct event {
	uint64_t seq; /* 1, 2, 3 ...: a gap means lost events */
	uint64_t ns;  /* CLOCK_MONOTONIC */
	enum event_type type;
	char text[EVENT_TEXT];
};

struct event_ring {
	struct event *events; /* owned */
	unsigned int size;
	uint64_t put; /* events ever added */
};

struct events {
	pthread_mutex_t lock;
	struct event_ring rings[2]; /* [1]: events that a guest caused */
	struct limits limits;
	uint64_t last;		 /* seq of the newest; 0: none yet */
	_Atomic uint64_t kernel; /* EVENT_KERNEL events, ever */
	int wake;		 /* eventfd, owned: signalled while armed */
	bool armed;		 /* there are subscribers */
};

/* Find a type by its name, @n bytes. Returns -1 if unknown. */
int event_type_find(const char *name, size_t n);

int events_init(struct events *ev, struct err *e);
void events_free(struct events *ev);
/* Add an event. Text longer than EVENT_TEXT - 1 is truncated. */
void event_add(struct events *ev, enum event_type type, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Add a control event, without formatting: this runs for each request. @outcome
 * is NULL, or is appended in brackets. */
void event_add_request(struct events *ev, const char *line, size_t len,
		       const char *outcome);
/* Copy the first event after @seq that is still kept; false if there is
 * none. */
bool event_next(struct events *ev, uint64_t seq, struct event *out);
uint64_t events_last(struct events *ev);
/* Return the seq that the last @n events follow. */
uint64_t events_before(struct events *ev, uint64_t n);
/* Return the number of events suppressed by the rate limit. */
uint64_t events_left_out(struct events *ev);
/* Return the number of kernel messages. */
uint64_t events_kernel(struct events *ev);
/* Write an event as one JSON object. */
void event_json(const struct event *e, struct json *j, const char *key);
/* Signal the eventfd for every new event (@on), or stop doing so. */
void events_arm(struct events *ev, bool on);

#endif
