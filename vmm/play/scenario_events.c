// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/json_path.h"
#include "base/loop.h"
#include "play/scenario.h"
#include "play/scenario_events.h"

#define MAX_EVENTS 65536
#define LOOK_MS	   100 /* how often a waiter looks whether all is to end */

/* ---- what is kept -------------------------------------------------------- */

/* With the lock held. */
static bool make_room(struct listener *l)
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

static void keep_event(struct listener *l, uint64_t seq, int type, char *text)
{
	pthread_mutex_lock(&l->lock);
	if (make_room(l)) {
		l->events[l->nr++] = (struct seen_event){ seq, type, text };
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

/* The object that @r has entered, to its end; kept if it is an event of a type
 * that somebody may wait for. */
static void take_object(struct listener *l, struct json_read *r)
{
	struct json_read text = { 0 };
	uint64_t seq = 0;
	int type = -1;
	char *copy;

	while (json_read_next(r) == JSON_KEY) {
		struct json_read key = *r;

		json_read_next(r);
		if (json_read_is(&key, "event"))
			type = scenario_event_type(r->text, r->len);
		else if (json_read_is(&key, "text"))
			text = *r;
		else if (json_read_is(&key, "seq"))
			seq = strtoull(r->text, NULL, 10);
		if (!json_read_skip(r))
			return;
	}
	if (type < 0 || !(l->types & 1U << type) || text.last != JSON_STRING)
		return;
	copy = malloc(3 * text.len + 1);
	if (!copy) {
		note_lost(l, ENOMEM);
		return;
	}
	json_read_string(&text, copy, 3 * text.len + 1);
	keep_event(l, seq, type, copy);
}

/* A line is an event, or the reply to `log`: an array of them. */
static void take_line(struct listener *l, const char *line, size_t n)
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
			take_object(l, &r);
		return;
	}
	take_object(l, &top);
}

static void take_lines(struct listener *l)
{
	const char *line;
	size_t n;

	if (link_fill(&l->link)) {
		note_lost(l, l->link.too_long ? EMSGSIZE : ENOMEM);
		l->link.closed = true;
	}
	while ((line = link_line(&l->link, &n)))
		take_line(l, line, n);
}

/* The end is what tells most, and the first lines say what it was about. */
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

static void take_output(struct listener *l)
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

/* ---- the thread ---------------------------------------------------------- */

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
		take_output(l);
		take_lines(l);
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

static bool take_message(void *arg, const struct json_read *value)
{
	json_read_string(value, arg, sizeof(((struct err *)0)->msg));
	return false;
}

int listener_refused(const char *line, size_t n, struct err *e)
{
	struct err said = { .msg = "no reason given" };

	field_each(line, n, "error.message", take_message, said.msg);
	return err_os(e, 0, "refused by the machine: %.320s", said.msg);
}

/* What it said before, if anything. */
static int closed_at_once(struct listener *l, struct err *e)
{
	const char *line;
	size_t n;

	while ((line = link_line(&l->link, &n)))
		if (link_account(&l->link, line, n) == REPLY_FAILED)
			return listener_refused(line, n, e);
	return link_lost(&l->link, e);
}

static int send_line(struct listener *l, const char *line, struct err *e)
{
	struct ctl_request q;

	if (request_line(line, strlen(line), &q, e) != 1)
		return -1;
	return link_send(&l->link, &q) ? closed_at_once(l, e) : 0;
}

/* Wait for the replies to what was sent. */
static int take_replies(struct listener *l, const struct halt *h, struct err *e)
{
	const char *line;
	size_t n;

	while (l->link.waiting) {
		int r = link_wait(&l->link, h->fd);

		if (r > 0)
			return -1;
		if (r < 0)
			return closed_at_once(l, e);
		while ((line = link_line(&l->link, &n))) {
			if (link_account(&l->link, line, n) == REPLY_FAILED)
				return listener_refused(line, n, e);
			take_line(l, line, n);
		}
	}
	return 0;
}

static int by_seq(const void *a, const void *b)
{
	const struct seen_event *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* The log overlaps with what comes after subscribe. */
static void put_in_order(struct listener *l)
{
	size_t to = 0;

	if (!l->nr)
		return;
	qsort(l->events, l->nr, sizeof(*l->events), by_seq);
	for (size_t i = 1; i < l->nr; i++) {
		if (l->events[i].seq == l->events[to].seq)
			free(l->events[i].text);
		else
			l->events[++to] = l->events[i];
	}
	l->nr = to + 1;
}

int listener_start(struct listener *l, const char *path, bool backlog,
		   const struct halt *h, struct err *e)
{
	int r;

	*e = (struct err){ 0 };
	if (link_open(&l->link, path, 0, e) || send_line(l, "subscribe", e) ||
	    (backlog && send_line(l, "log 1024", e)) || take_replies(l, h, e))
		return -1;
	put_in_order(l);
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
		take_output(l);
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

/* ---- waiting ------------------------------------------------------------- */

size_t listener_place(struct listener *l)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = l->dropped + l->nr;
	pthread_mutex_unlock(&l->lock);
	return n;
}

/* With the lock held. */
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
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += LOOK_MS * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_nsec -= 1000000000L;
		t.tv_sec++;
	}
	pthread_cond_timedwait(&l->more, &l->lock, &t);
}

int listener_wait(struct listener *l, int type, const char *text, size_t *place,
		  const struct halt *h)
{
	int r = 0;

	pthread_mutex_lock(&l->lock);
	while (!find_event(l, type, text, place)) {
		r = l->closed ? 1 : 0;
		if (r)
			break;
		wait_a_moment(l);
		if (halt_poll(h, -1, 0) < 0) {
			r = -1;
			break;
		}
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}
