// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/json_path.h"
#include "base/loop.h"
#include "play/scenario_events.h"

#define MAX_EVENTS 65536
#define LOOK_MS	   100 /* how often a waiter looks for a cancellation */

/* ---- events ------------------------------------------------------------- */

/* Drop the older half where there are too many. The caller holds the lock. */
static bool make_event_room(struct listener *l)
{
	size_t cap = l->cap ? 2 * l->cap : 64, half = l->nr / 2;
	struct seen_event *more;

	if (l->nr < l->cap)
		return true;
	if (l->nr < MAX_EVENTS) {
		more = realloc(l->events, cap * sizeof(*more));
		if (!more)
			return false;
		l->events = more;
		l->cap = cap;
		return true;
	}
	for (size_t i = 0; i < half; i++)
		free(l->events[i].text);
	memmove(l->events, l->events + half,
		(l->nr - half) * sizeof(*l->events));
	l->nr -= half;
	l->dropped += half;
	return true;
}

/* Takes over @text. */
static void keep_event(struct listener *l, int type, char *text)
{
	pthread_mutex_lock(&l->lock);
	if (make_event_room(l)) {
		l->events[l->nr++] = (struct seen_event){ type, text };
		text = NULL;
	} else {
		l->lost = ENOMEM;
	}
	pthread_cond_broadcast(&l->more);
	pthread_mutex_unlock(&l->lock);
	free(text);
}

static void note_lost(struct listener *l, int os_errno)
{
	pthread_mutex_lock(&l->lock);
	l->lost = os_errno;
	pthread_mutex_unlock(&l->lock);
}

/* Read the object that @r has entered; keep it if it is a new event of a type that
 * the scenario waits for. */
static void read_object(struct listener *l, struct json_read *r)
{
	struct json_read text = { 0 };
	uint64_t seq = 0;
	int type = -1;
	char *copy;

	while (json_read_next(r) == JSON_KEY) {
		struct json_read key = *r;

		json_read_next(r);
		if (json_read_is(&key, "event"))
			type = event_type_find(r->text, r->len);
		else if (json_read_is(&key, "text"))
			text = *r;
		else if (json_read_is(&key, "seq"))
			seq = strtoull(r->text, NULL, 10);
		if (!json_read_skip(r))
			return;
	}
	if (type < 0 || seq <= l->last_seq)
		return;
	l->last_seq = seq;
	if (!(l->types & 1U << type) || text.last != JSON_STRING)
		return;
	copy = malloc(3 * text.len + 1);
	if (!copy) {
		note_lost(l, ENOMEM);
		return;
	}
	json_read_string(&text, copy, 3 * text.len + 1);
	keep_event(l, type, copy);
}

/* Read a line: an event, or the reply to `log` with an array of events. */
static void read_line(struct listener *l, const char *line, size_t n)
{
	struct json_read r, top;

	json_read_init(&r, line, n);
	if (json_read_next(&r) != JSON_OBJECT)
		return;
	top = r;
	while (json_read_next(&r) == JSON_KEY) {
		if (!json_read_is(&r, "events") ||
		    json_read_next(&r) != JSON_ARRAY) {
			if (r.last == JSON_KEY)
				json_read_next(&r);
			if (!json_read_skip(&r))
				return;
			continue;
		}
		while (json_read_next(&r) == JSON_OBJECT)
			read_object(l, &r);
		return;
	}
	read_object(l, &top);
}

static void read_lines(struct listener *l)
{
	const char *line;
	size_t n;

	if (link_fill(&l->link)) {
		note_lost(l, l->link.too_long ? EMSGSIZE : ENOMEM);
		l->link.closed = true;
	}
	while ((line = link_line(&l->link, &n)))
		read_line(l, line, n);
}

/* Keep the beginning and the end: the first lines and the last explain most. */
static void keep_output(struct listener *l, const char *buf, size_t n)
{
	const size_t half = EVENTS_OUTPUT / 2;

	pthread_mutex_lock(&l->lock);
	if (l->len + n > EVENTS_OUTPUT) {
		size_t cut = l->len + n - EVENTS_OUTPUT;

		if (cut > l->len - half)
			cut = l->len - half;
		memmove(l->text + half, l->text + half + cut,
			l->len - half - cut);
		l->len -= cut;
	}
	if (n > EVENTS_OUTPUT - l->len)
		n = EVENTS_OUTPUT - l->len;
	memcpy(l->text + l->len, buf, n);
	l->len += n;
	pthread_mutex_unlock(&l->lock);
}

static void read_output(struct listener *l)
{
	char buf[4096];
	ssize_t n;

	while (l->output >= 0 && (n = read(l->output, buf, sizeof(buf)))) {
		if (n < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN)
				return;
			note_lost(l, errno);
			break;
		}
		keep_output(l, buf, (size_t)n);
	}
	if (l->output >= 0)
		close(l->output);
	l->output = -1;
}

/* ---- the thread --------------------------------------------------------- */

void listener_over(struct listener *l)
{
	pthread_mutex_lock(&l->lock);
	l->closed = true;
	pthread_cond_broadcast(&l->more);
	pthread_mutex_unlock(&l->lock);
}

static void *listen_on(void *arg)
{
	struct listener *l = arg;
	bool over = false;

	while (!over) {
		struct pollfd p[] = {
			{ .fd = l->end, .events = POLLIN },
			{ .fd = l->output, .events = POLLIN },
			{ .fd = l->link.closed ? -1 : l->link.fd,
			  .events = POLLIN },
		};

		poll(p, 3, -1);
		over = p[0].revents;
		read_output(l);
		read_lines(l);
		if (l->link.closed || over)
			listener_over(l);
	}
	return NULL;
}

int listener_init(struct listener *l, int output, unsigned int types,
		  struct err *e)
{
	pthread_condattr_t a;

	*l = (struct listener){ .link.fd = -1,
				.link.closed = true,
				.output = output,
				.types = types };
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&l->more, &a);
	pthread_condattr_destroy(&a);
	l->end = -1;
	if (output >= 0 && fcntl(output, F_SETFL, O_NONBLOCK))
		return err_os(e, errno, "fcntl of the machine's output");
	l->end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->end < 0)
		return err_os(e, errno, "eventfd to watch the machine");
	l->text = malloc(EVENTS_OUTPUT);
	if (!l->text)
		return err_os(e, ENOMEM, "memory for the machine's output");
	return 0;
}

int listener_refused(const struct reply_text *reply, struct err *e)
{
	char why[sizeof(e->msg)];

	reply_string(reply, "error.message", why, sizeof(why));
	return err_os(e, 0, "refused by the machine: %.320s",
		      *why ? why : "no reason given");
}

/* Send @request and read the events in its reply. */
static int listener_ask(struct listener *l, const char *request,
			const struct cancel *c, struct err *e)
{
	struct reply_text reply;
	int r = reply_ask(&l->link, request, c, &reply);

	if (r > 0)
		return -1;
	if (r < 0)
		return link_lost(&l->link, e);
	if (reply_kind_of(&reply) != REPLY_OK)
		return listener_refused(&reply, e);
	read_line(l, reply.text, reply.n);
	return 0;
}

int listener_start(struct listener *l, const char *path, bool backlog,
		   const struct cancel *c, struct err *e)
{
	int r;

	*e = (struct err){ 0 };
	/* In this order no event is missed; last_seq tells those that come twice. */
	if (link_open(&l->link, path, 0, e) ||
	    listener_ask(l, "subscribe", c, e) ||
	    (backlog && listener_ask(l, "log 1024", c, e)))
		return -1;
	r = pthread_create(&l->thread, NULL, listen_on, l);
	if (r)
		return err_os(e, r, "a thread for events");
	l->running = true;
	return 0;
}

void listener_stop(struct listener *l)
{
	if (l->running) {
		loop_wake(l->end);
		pthread_join(l->thread, NULL);
		l->running = false;
	} else {
		read_output(l);
	}
	listener_over(l);
}

void listener_free(struct listener *l)
{
	link_close(&l->link);
	if (l->output >= 0)
		close(l->output);
	if (l->end >= 0)
		close(l->end);
	for (size_t i = 0; i < l->nr; i++)
		free(l->events[i].text);
	free(l->events);
	free(l->text);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->more);
}

/* ---- waiting ------------------------------------------------------------ */

size_t listener_place(struct listener *l)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = l->dropped + l->nr;
	pthread_mutex_unlock(&l->lock);
	return n;
}

/* The caller holds the lock. */
static bool find_event(struct listener *l, int type, const char *text,
		       size_t *place)
{
	size_t i = *place > l->dropped ? *place - l->dropped : 0;

	for (; i < l->nr; i++)
		if (l->events[i].type == type &&
		    strstr(l->events[i].text, text)) {
			*place = l->dropped + i + 1;
			return true;
		}
	return false;
}

static void wait_a_moment(struct listener *l)
{
	uint64_t until = now_ns() + LOOK_MS * NS_PER_MS;
	struct timespec t = { .tv_sec = (time_t)(until / NS_PER_SEC),
			      .tv_nsec = (long)(until % NS_PER_SEC) };

	pthread_cond_timedwait(&l->more, &l->lock, &t);
}

int listener_wait(struct listener *l, int type, const char *text, size_t *place,
		  const struct cancel *c)
{
	int r = 0;

	pthread_mutex_lock(&l->lock);
	while (!find_event(l, type, text, place)) {
		r = l->closed ? 1 : 0;
		if (r)
			break;
		wait_a_moment(l);
		if (cancel_poll(c, -1, 0) < 0) {
			r = -1;
			break;
		}
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}
