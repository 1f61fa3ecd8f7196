// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/loop.h"
#include "base/units.h"

static const char *const type_names[] = {
	[EVENT_CONTROL] = "control", [EVENT_EXIT] = "exit",
	[EVENT_GUEST] = "guest",     [EVENT_KERNEL] = "kernel",
	[EVENT_MACHINE] = "machine", [EVENT_MODEL] = "model",
};

int event_type_find(const char *name, size_t n)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(type_names); i++)
		if (strlen(type_names[i]) == n &&
		    !memcmp(type_names[i], name, n))
			return (int)i;
	return -1;
}

static int ring_init(struct event_ring *r, unsigned int size, struct err *e)
{
	r->size = size;
	r->events = calloc(size, sizeof(*r->events));
	return r->events ? 0 : err_os(e, ENOMEM, "memory for the event log");
}

int events_init(struct events *ev, struct err *e)
{
	memset(ev, 0, sizeof(*ev));
	pthread_mutex_init(&ev->lock, NULL);
	ev->limits.burst = EVENTS_BURST;
	ev->limits.again_ns = EVENTS_AGAIN;
	ev->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ev->wake < 0)
		return err_os(e, errno, "eventfd for the event log");
	return ring_init(&ev->rings[0], EVENTS_KEPT, e)
		       ?: ring_init(&ev->rings[1], EVENTS_GUEST, e);
}

void events_free(struct events *ev)
{
	if (ev->wake >= 0)
		close(ev->wake);
	free(ev->rings[0].events);
	free(ev->rings[1].events);
	pthread_mutex_destroy(&ev->lock);
}

/* ---- adding -------------------------------------------------------------- */

static bool caused_by_guest(enum event_type type)
{
	return type == EVENT_GUEST || type == EVENT_EXIT;
}

/* Return the next entry. The lock is held. */
static struct event *next_slot(struct events *ev, enum event_type type)
{
	struct event_ring *r = &ev->rings[caused_by_guest(type)];
	struct event *slot = &r->events[r->put++ % r->size];

	if (type == EVENT_KERNEL)
		ev->kernel++;
	slot->seq = ++ev->last;
	slot->ns = now_ns();
	slot->type = type;
	return slot;
}

/* Release the lock and wake the subscribers. */
static void event_publish(struct events *ev)
{
	bool armed = ev->armed;

	pthread_mutex_unlock(&ev->lock);
	if (armed)
		loop_wake(ev->wake);
}

void event_add(struct events *ev, enum event_type type, const char *fmt, ...)
{
	uint64_t missed = 0;
	struct event *slot;
	va_list ap;
	size_t n;

	pthread_mutex_lock(&ev->lock);
	if (caused_by_guest(type) &&
	    !limit_pass(&ev->limits, fmt, now_ns(), &missed)) {
		pthread_mutex_unlock(&ev->lock);
		return;
	}
	slot = next_slot(ev, type);
	va_start(ap, fmt);
	vsnprintf(slot->text, sizeof(slot->text), fmt, ap);
	va_end(ap);
	n = strlen(slot->text);
	if (missed)
		snprintf(slot->text + n, sizeof(slot->text) - n,
			 " (%" PRIu64 " similar events were suppressed "
			 "before)",
			 missed);
	event_publish(ev);
}

void event_add_request(struct events *ev, const char *line, size_t len,
		       const char *outcome)
{
	size_t olen = outcome ? strlen(outcome) : 0;
	struct event *slot;
	size_t room = sizeof(slot->text) - 4;

	pthread_mutex_lock(&ev->lock);
	slot = next_slot(ev, EVENT_CONTROL);
	if (olen > room / 2)
		olen = room / 2;
	if (len > room - olen)
		len = room - olen;
	memcpy(slot->text, line, len);
	if (olen) {
		memcpy(slot->text + len, " (", 2);
		memcpy(slot->text + len + 2, outcome, olen);
		slot->text[len + 2 + olen] = ')';
		len += olen + 3;
	}
	slot->text[len] = '\0';
	event_publish(ev);
}

/* ---- reading; the lock is held ------------------------------------------- */

static const struct event *event_at(const struct event_ring *r, uint64_t put)
{
	return &r->events[put % r->size];
}

static uint64_t first_put(const struct event_ring *r)
{
	return r->put > r->size ? r->put - r->size : 0;
}

/* Return the first event after @seq, or NULL. O(1) if no event is newer. */
static const struct event *event_after(const struct event_ring *r, uint64_t seq)
{
	uint64_t lo = first_put(r), hi = r->put;

	if (lo == hi || event_at(r, hi - 1)->seq <= seq)
		return NULL;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (event_at(r, mid)->seq > seq)
			hi = mid;
		else
			lo = mid + 1;
	}
	return event_at(r, lo);
}

bool event_next(struct events *ev, uint64_t seq, struct event *out)
{
	const struct event *a, *b;

	pthread_mutex_lock(&ev->lock);
	a = event_after(&ev->rings[0], seq);
	b = event_after(&ev->rings[1], seq);
	if (!a || (b && b->seq < a->seq))
		a = b;
	if (a)
		*out = *a;
	pthread_mutex_unlock(&ev->lock);
	return a;
}

uint64_t events_before(struct events *ev, uint64_t n)
{
	const struct event_ring *a = &ev->rings[0], *b = &ev->rings[1];
	uint64_t i, j, seq;

	pthread_mutex_lock(&ev->lock);
	i = a->put;
	j = b->put;
	seq = ev->last;
	while (n-- && (i > first_put(a) || j > first_put(b)))
		if (j == first_put(b) ||
		    (i > first_put(a) &&
		     event_at(a, i - 1)->seq > event_at(b, j - 1)->seq))
			seq = event_at(a, --i)->seq - 1;
		else
			seq = event_at(b, --j)->seq - 1;
	pthread_mutex_unlock(&ev->lock);
	return seq;
}

uint64_t events_left_out(struct events *ev)
{
	uint64_t n;

	pthread_mutex_lock(&ev->lock);
	n = ev->limits.missed;
	pthread_mutex_unlock(&ev->lock);
	return n;
}

uint64_t events_last(struct events *ev)
{
	uint64_t last;

	pthread_mutex_lock(&ev->lock);
	last = ev->last;
	pthread_mutex_unlock(&ev->lock);
	return last;
}

uint64_t events_kernel(struct events *ev)
{
	return ev->kernel;
}

void event_json(const struct event *e, struct json *j, const char *key)
{
	json_object(j, key);
	json_str(j, "event", type_names[e->type]);
	json_num(j, "seq", e->seq);
	json_num(j, "at", e->ns);
	json_str(j, "text", e->text);
	json_object_end(j);
}

void events_arm(struct events *ev, bool on)
{
	pthread_mutex_lock(&ev->lock);
	ev->armed = on;
	pthread_mutex_unlock(&ev->lock);
}
