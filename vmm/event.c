// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "event.h"

static const char *const type_names[] = {
	[EVENT_CONTROL] = "control", [EVENT_EXIT] = "exit",
	[EVENT_GUEST] = "guest",     [EVENT_KERNEL] = "kernel",
	[EVENT_MACHINE] = "machine", [EVENT_MODEL] = "model",
};

int events_init(struct events *ev, struct err *e)
{
	memset(ev, 0, sizeof(*ev));
	pthread_mutex_init(&ev->lock, NULL);
	ev->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ev->wake < 0)
		return err_os(e, errno, "eventfd for the event log");
	ev->ring = calloc(EVENTS_KEPT, sizeof(*ev->ring));
	if (!ev->ring)
		return err_os(e, ENOMEM, "memory for the event log");
	return 0;
}

void events_free(struct events *ev)
{
	if (ev->wake >= 0)
		close(ev->wake);
	free(ev->ring);
	pthread_mutex_destroy(&ev->lock);
}

/* The next entry, with the lock held; put_end() releases it. */
static struct event *put_begin(struct events *ev, enum event_type type)
{
	struct event *slot;

	pthread_mutex_lock(&ev->lock);
	ev->last++;
	if (type == EVENT_KERNEL)
		__atomic_add_fetch(&ev->kernel, 1, __ATOMIC_RELEASE);
	slot = &ev->ring[ev->last % EVENTS_KEPT];
	slot->seq = ev->last;
	slot->ns = now_ns();
	slot->type = type;
	return slot;
}

static void put_end(struct events *ev)
{
	const uint64_t one = 1;
	bool armed = ev->armed;

	pthread_mutex_unlock(&ev->lock);
	if (armed && write(ev->wake, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it is signalled already */
}

void event_add(struct events *ev, enum event_type type, const char *fmt, ...)
{
	struct event *slot = put_begin(ev, type);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(slot->text, sizeof(slot->text), fmt, ap);
	va_end(ap);
	put_end(ev);
}

void event_add_request(struct events *ev, const char *line, size_t len,
		       const char *outcome)
{
	struct event *slot = put_begin(ev, EVENT_CONTROL);
	size_t olen = outcome ? strlen(outcome) : 0;
	size_t room = sizeof(slot->text) - 4;

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
	put_end(ev);
}

bool event_get(struct events *ev, uint64_t seq, struct event *out)
{
	bool found;

	pthread_mutex_lock(&ev->lock);
	*out = ev->ring[seq % EVENTS_KEPT];
	found = seq && out->seq == seq;
	pthread_mutex_unlock(&ev->lock);
	return found;
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
	return __atomic_load_n(&ev->kernel, __ATOMIC_ACQUIRE);
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
