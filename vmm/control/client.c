// SPDX-License-Identifier: GPL-2.0-only
/* A client: read lines, run requests, pass on replies. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/client.h"

static bool machine_ending(const struct client *cl)
{
	return cl->ctl->m->ending;
}

static struct request *new_request(struct control *ctl)
{
	struct request *rq = ctl->spare;

	if (rq)
		ctl->spare = NULL;
	else
		rq = calloc(1, sizeof(*rq));
	if (rq) {
		rq->s = ctl->s;
		rq->m = ctl->m;
	}
	return rq;
}

static void free_request(struct control *ctl, struct request *rq)
{
	if (!ctl->spare && rq->reply.cap <= CLIENT_IN) {
		ctl->spare = rq;
		return;
	}
	json_free(&rq->reply);
	free(rq);
}

/* Called by request.c when a pending request is
 * complete, even without a client. */
static void client_finished(struct request *rq)
{
	struct client *cl = rq->owner;

	if (!cl) {
		json_free(&rq->reply);
		free(rq);
		return;
	}
	cl->busy = NULL;
	client_reply(cl, &rq->reply);
	free_request(cl->ctl, rq);
	client_update(cl);
}

static void client_subscribe(void *owner, bool on)
{
	struct client *cl = owner;

	cl->subscribed = on;
	cl->seen = events_last(&cl->ctl->m->events);
}

static const struct request_client client_ops = { client_finished,
						  client_subscribe };

static void refuse_line(struct client *cl, const char *message)
{
	struct json j;
	struct err e;

	json_init(&j);
	err_usage(&e, "%s", message);
	request_refuse(&j, &e);
	client_reply(cl, &j);
	json_free(&j);
}

static void client_no_memory(struct client *cl)
{
	warn("out of memory: closing a client's connection");
	cl->broken = true;
}

static void run_line(struct client *cl, const char *line, size_t len)
{
	struct request *rq = new_request(cl->ctl);
	int r;

	if (!rq) {
		client_no_memory(cl);
		return;
	}
	memcpy(rq->line, line, len);
	rq->owner = cl;
	rq->client = &client_ops;
	r = request_run(rq, len);
	if (r == REQUEST_PENDING || r == REQUEST_PARTS) {
		cl->busy = rq;
		cl->parts = r == REQUEST_PARTS;
		return;
	}
	client_reply(cl, &rq->reply);
	free_request(cl->ctl, rq);
}

/* Take the next parts of a reply while there is room. */
static void take_parts(struct client *cl)
{
	struct request *rq = cl->busy;

	while (cl->parts && client_has_room(cl) && !cl->broken) {
		cl->parts = request_part(rq) == REQUEST_PARTS;
		client_part(cl, &rq->reply, !cl->parts);
		json_rewind(&rq->reply,
			    (struct json_mark){ 0, rq->reply.comma });
	}
	if (cl->parts || cl->broken)
		return;
	cl->busy = NULL;
	free_request(cl->ctl, rq);
}

/* Take one line from the buffer and run it; return false if
 * there is none to run now. */
static bool run_next_line(struct client *cl, size_t *at)
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
				"the connection ended within a line: the line "
				"was not run");
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

	do {
		if (cl->parts)
			take_parts(cl);
	} while (!cl->busy && !cl->broken && client_has_room(cl) &&
		 !machine_ending(cl) && run_next_line(cl, &at));
	if (at) {
		cl->in_len -= at;
		memmove(cl->in, cl->in + at, cl->in_len);
	}
	if (!cl->in_len) {
		free(cl->in);
		cl->in = NULL;
	}
}

static void fill_input(struct client *cl)
{
	ssize_t n;

	if (!cl->in)
		cl->in = malloc(CLIENT_IN);
	if (!cl->in) {
		client_no_memory(cl);
		return;
	}
	n = recv(cl->source.fd, cl->in + cl->in_len, CLIENT_IN - cl->in_len,
		 MSG_DONTWAIT);
	if (n > 0)
		cl->in_len += (size_t)n;
	else if (n == 0)
		cl->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		cl->broken = true;
}

/* ---- a client's life cycle ---------------------------------------------- */

void client_drop(struct client *cl)
{
	client_set_eager(cl, false);
	if (cl->busy && cl->parts)
		free_request(cl->ctl, cl->busy);
	else if (cl->busy)
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
	return !cl->eof && cl->in_len < CLIENT_IN && !cl->blocked;
}

/* Is there anything to run in another round? */
static bool has_work(const struct client *cl)
{
	if (cl->broken || cl->blocked)
		return false;
	if (cl->parts)
		return true;
	return cl->in_len && !cl->busy && !machine_ending(cl) &&
	       (cl->eof || memchr(cl->in, '\n', cl->in_len));
}

void client_update(struct client *cl)
{
	uint32_t want = 0;

	/* Sending may make room for replies, and those for lines. */
	do {
		run_lines(cl);
		if (cl->subscribed && !cl->parts)
			client_send_events(cl);
		client_flush(cl);
	} while (has_work(cl));
	if (cl->broken ||
	    (cl->eof && !cl->busy && !cl->in_len && !cl->blocked)) {
		client_drop(cl);
		return;
	}
	client_set_eager(cl, cl->subscribed && !cl->blocked);
	if (may_read(cl))
		want |= EPOLLIN;
	if (cl->blocked)
		want |= EPOLLOUT;
	if (want != cl->interest) {
		cl->interest = want;
		loop_change(&cl->ctl->m->loop, &cl->source, want);
	}
}

static void client_ready(void *arg, uint32_t events)
{
	struct client *cl = arg;

	/* The peer has hung up: nobody receives the replies. */
	if (events & EPOLLERR || (events & EPOLLHUP && !(events & EPOLLIN)))
		cl->broken = true;
	if (events & EPOLLIN)
		fill_input(cl);
	client_update(cl);
}

int client_add(struct control *ctl, int fd, struct err *e)
{
	struct client *cl = calloc(1, sizeof(*cl));

	if (!cl)
		return err_os(e, ENOMEM, "no memory for another client");
	cl->ctl = ctl;
	cl->source = (struct loop_source){ fd, client_ready, cl };
	cl->interest = EPOLLIN;
	json_init(&cl->out);
	if (loop_add(&ctl->m->loop, &cl->source, EPOLLIN)) {
		err_os(e, errno, "epoll_ctl");
		free(cl);
		return -1;
	}
	cl->next = ctl->clients;
	cl->back = &ctl->clients;
	if (cl->next)
		cl->next->back = &cl->next;
	ctl->clients = cl;
	ctl->nr++;
	return 0;
}
