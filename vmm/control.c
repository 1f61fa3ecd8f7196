// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients. A client has an input buffer, an output buffer and at most one
 * request on a vCPU: until that is over its further lines wait, so that
 * replies come in order. A client that does not read its replies is not read
 * from either.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "num.h"

#define IN_SIZE	    (16 * KIB)
#define OUT_LIMIT   (256 * KIB) /* above it the client is not listened to */
#define CLIENTS_MAX 4096
#define FDS_KEPT    64 /* not for clients */

struct client {
	struct control *ctl;
	struct client *next, **back;
	struct loop_source source;
	uint32_t interest;
	char *in; /* IN_SIZE; only while something is in it */
	size_t in_len;
	struct json out; /* what is to be sent, from out_sent on */
	size_t out_sent;
	struct request *busy;
	bool discard; /* the rest of a line that was too long */
	bool eof;     /* it will send nothing more */
	bool broken;  /* nor receive */
	bool subscribed;
	uint64_t seen; /* the last event it was sent */
};

struct control {
	struct machine *m;
	struct control_socket socket;
	struct loop_source accept, events;
	struct client *clients;
	unsigned int nr, max;
	struct request *spare; /* one, to save an allocation a request */
};

/* ---- output ------------------------------------------------------------- */

static bool ending(const struct client *cl)
{
	return __atomic_load_n(&cl->ctl->m->ending, __ATOMIC_ACQUIRE);
}

static size_t out_left(const struct client *cl)
{
	return cl->out.len - cl->out_sent;
}

static void flush(struct client *cl)
{
	while (out_left(cl) && !cl->broken) {
		ssize_t n = send(cl->source.fd, cl->out.buf + cl->out_sent,
				 out_left(cl), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0)
			cl->broken = true;
		else
			cl->out_sent += (size_t)n;
	}
	if (out_left(cl))
		return;
	cl->out_sent = 0;
	if (cl->out.cap > IN_SIZE) /* do not sit on what one big reply took */
		json_free(&cl->out);
	else
		json_reset(&cl->out);
}

static void append(struct client *cl, struct json *reply)
{
	const char *text = json_text(reply);

	if (!text) { /* no memory for it: the client must not wait for ever */
		cl->broken = true;
		return;
	}
	json_raw(&cl->out, text, reply->len);
	json_newline(&cl->out);
	if (cl->out.failed)
		cl->broken = true;
}

static void send_events(struct client *cl)
{
	struct events *ev = &cl->ctl->m->events;
	struct event e;

	/* A gap in seq says that some are gone. */
	while (out_left(cl) < OUT_LIMIT && !cl->broken &&
	       event_next(ev, cl->seen, &e)) {
		cl->seen = e.seq;
		event_json(&e, &cl->out, NULL);
		json_newline(&cl->out);
	}
}

void control_subscribe(struct client *cl, bool on)
{
	struct events *ev = &cl->ctl->m->events;
	bool any = on;

	cl->subscribed = on;
	cl->seen = events_last(ev);
	for (struct client *o = cl->ctl->clients; o; o = o->next)
		any |= o->subscribed;
	events_arm(ev, any);
}

/* ---- input -------------------------------------------------------------- */

static struct request *new_request(struct control *ctl)
{
	struct request *rq = ctl->spare;

	if (rq)
		ctl->spare = NULL;
	else
		rq = calloc(1, sizeof(*rq));
	if (rq)
		rq->m = ctl->m;
	return rq;
}

static void free_request(struct control *ctl, struct request *rq)
{
	if (!ctl->spare && rq->reply.cap <= IN_SIZE) {
		ctl->spare = rq;
		return;
	}
	json_free(&rq->reply);
	free(rq);
}

static void update(struct client *cl);

/* From request.c: a reply that took its time, or nobody's. */
static void finished(struct request *rq)
{
	struct client *cl = rq->owner;

	if (!cl) {
		json_free(&rq->reply);
		free(rq);
		return;
	}
	cl->busy = NULL;
	append(cl, &rq->reply);
	free_request(cl->ctl, rq);
	update(cl);
}

static void refuse_line(struct client *cl, const char *message)
{
	struct json j;
	struct err e;

	json_init(&j);
	err_usage(&e, "%s", message);
	request_refuse(&j, &e);
	append(cl, &j);
	json_free(&j);
}

static void run_line(struct client *cl, const char *line, size_t len)
{
	struct request *rq = new_request(cl->ctl);

	if (!rq) {
		cl->broken = true;
		return;
	}
	memcpy(rq->line, line, len);
	rq->owner = cl;
	rq->finished = finished;
	if (request_run(rq, len) == REQUEST_PENDING) {
		cl->busy = rq;
		return;
	}
	append(cl, &rq->reply);
	free_request(cl->ctl, rq);
}

/* One line from the front of the buffer; false if there is none to run now. */
static bool next_line(struct client *cl, size_t *at)
{
	const char *start = cl->in + *at;
	size_t left = cl->in_len - *at;
	const char *nl = left ? memchr(start, '\n', left) : NULL;
	size_t len = nl ? (size_t)(nl - start) : left;

	if (cl->discard) {
		*at += nl ? len + 1 : len;
		cl->discard = !nl;
		return nl;
	}
	if (len > LINE_MAX_BYTES) {
		refuse_line(cl, "the line is longer than 4096 bytes");
		*at += nl ? len + 1 : len;
		cl->discard = !nl;
		return nl;
	}
	if (!nl) {
		if (cl->eof && len) {
			refuse_line(
				cl,
				"the connection ended within a line, which was not run");
			*at += len;
		}
		return false;
	}
	*at += len + 1;
	run_line(cl, start, len);
	return true;
}

static void run_lines(struct client *cl)
{
	size_t at = 0;

	while (!cl->busy && !cl->broken && out_left(cl) < OUT_LIMIT &&
	       !ending(cl) && next_line(cl, &at))
		;
	if (at) {
		cl->in_len -= at;
		memmove(cl->in, cl->in + at, cl->in_len);
	}
	if (!cl->in_len) {
		free(cl->in);
		cl->in = NULL;
	}
}

static void fill(struct client *cl)
{
	ssize_t n;

	if (!cl->in)
		cl->in = malloc(IN_SIZE);
	if (!cl->in) {
		cl->broken = true;
		return;
	}
	n = recv(cl->source.fd, cl->in + cl->in_len, IN_SIZE - cl->in_len,
		 MSG_DONTWAIT);
	if (n > 0)
		cl->in_len += (size_t)n;
	else if (n == 0)
		cl->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		cl->broken = true;
}

/* ---- a client's life ---------------------------------------------------- */

static void drop(struct client *cl)
{
	if (cl->subscribed)
		control_subscribe(cl, false);
	if (cl->busy)
		request_abandon(cl->busy);
	loop_remove(&cl->ctl->m->loop, &cl->source);
	close(cl->source.fd);
	*cl->back = cl->next;
	if (cl->next)
		cl->next->back = cl->back;
	cl->ctl->nr--;
	free(cl->in);
	json_free(&cl->out);
	free(cl);
}

static bool may_read(const struct client *cl)
{
	return !cl->eof && cl->in_len < IN_SIZE && out_left(cl) < OUT_LIMIT;
}

/* Run what can be run, send what can be sent, and wait for the right thing. */
static void update(struct client *cl)
{
	uint32_t want = 0;

	/* Sending may make room for more replies, and these for more lines. */
	do {
		run_lines(cl);
		if (cl->subscribed)
			send_events(cl);
		flush(cl);
	} while (cl->in_len && !cl->busy && !cl->broken && !out_left(cl) &&
		 !ending(cl) && (cl->eof || memchr(cl->in, '\n', cl->in_len)));
	if (cl->broken ||
	    (cl->eof && !cl->busy && !cl->in_len && !out_left(cl))) {
		drop(cl);
		return;
	}
	if (may_read(cl))
		want |= EPOLLIN;
	if (out_left(cl))
		want |= EPOLLOUT;
	if (want != cl->interest) {
		cl->interest = want;
		loop_change(&cl->ctl->m->loop, &cl->source, want);
	}
}

static void ready(void *arg, uint32_t events)
{
	struct client *cl = arg;

	/* Hung up for good: what it asked for has nobody to go to. */
	if (events & EPOLLERR || (events & EPOLLHUP && !(events & EPOLLIN)))
		cl->broken = true;
	if (events & EPOLLIN)
		fill(cl);
	update(cl);
}

static void on_events(void *arg, uint32_t bits)
{
	struct control *ctl = arg;
	struct client *cl, *next;
	uint64_t n;

	(void)bits;
	if (read(ctl->events.fd, &n, sizeof(n)) < 0)
		return;
	for (cl = ctl->clients; cl; cl = next) {
		next = cl->next;
		if (cl->subscribed)
			update(cl);
	}
}

/* ---- accepting ---------------------------------------------------------- */

/* A last word to a connection that does not become a client. */
static void turn_away(int fd, const struct err *e)
{
	struct json j;
	const char *text;

	json_init(&j);
	request_refuse(&j, e);
	json_newline(&j);
	text = json_text(&j);
	if (text && send(fd, text, j.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		complain("a connection was refused without a word: %s",
			 strerrordesc_np(errno));
	json_free(&j);
	close(fd);
}

static void add_client(struct control *ctl, int fd)
{
	struct client *cl = calloc(1, sizeof(*cl));
	struct err e;

	if (!cl) {
		err_os(&e, ENOMEM, "no memory for another client");
		turn_away(fd, &e);
		return;
	}
	cl->ctl = ctl;
	cl->source = (struct loop_source){ fd, ready, cl };
	cl->interest = EPOLLIN;
	json_init(&cl->out);
	if (loop_add(&ctl->m->loop, &cl->source, EPOLLIN)) {
		err_os(&e, errno, "epoll_ctl");
		turn_away(fd, &e);
		free(cl);
		return;
	}
	cl->next = ctl->clients;
	cl->back = &ctl->clients;
	if (cl->next)
		cl->next->back = &cl->next;
	ctl->clients = cl;
	ctl->nr++;
}

static void on_accept(void *arg, uint32_t events)
{
	struct control *ctl = arg;
	struct err e;
	int fd = accept4(ctl->socket.fd, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return; /* gone again */
	if (socket_check_peer(fd, &e)) {
		event_add(&ctl->m->events, EVENT_CONTROL,
			  "connection refused: %s", e.msg);
		turn_away(fd, &e);
	} else if (ctl->nr >= ctl->max) {
		err_state(&e, "there are %u clients: no room for another",
			  ctl->nr);
		turn_away(fd, &e);
	} else {
		add_client(ctl, fd);
	}
}

/* Room for clients: what the limit on open files leaves beside the vCPUs. */
static unsigned int client_limit(const struct machine *m)
{
	rlim_t used = FDS_KEPT + m->nr_vcpus;
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return FDS_KEPT;
	if (r.rlim_cur >= CLIENTS_MAX + used)
		return CLIENTS_MAX;
	return r.rlim_cur > used ? (unsigned int)(r.rlim_cur - used) : 1;
}

struct control *control_open(struct machine *m, const char *path, struct err *e)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	if (!ctl) {
		err_os(e, ENOMEM, "memory for the control socket");
		return NULL;
	}
	ctl->m = m;
	ctl->max = client_limit(m);
	if (socket_listen(&ctl->socket, path, e)) {
		free(ctl);
		return NULL;
	}
	ctl->accept = (struct loop_source){ ctl->socket.fd, on_accept, ctl };
	ctl->events = (struct loop_source){ m->events.wake, on_events, ctl };
	if (loop_add(&m->loop, &ctl->accept, EPOLLIN) ||
	    loop_add(&m->loop, &ctl->events, EPOLLIN)) {
		err_os(e, errno, "epoll_ctl");
		control_close(ctl);
		return NULL;
	}
	return ctl;
}

void control_close(struct control *ctl)
{
	struct client *cl, *next;

	if (!ctl)
		return;
	for (cl = ctl->clients; cl; cl = next) {
		next = cl->next;
		if (cl->subscribed)
			send_events(cl);
		flush(cl);
		drop(cl);
	}
	if (ctl->spare) {
		json_free(&ctl->spare->reply);
		free(ctl->spare);
	}
	socket_remove(&ctl->socket);
	free(ctl);
}
