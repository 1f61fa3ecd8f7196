// SPDX-License-Identifier: GPL-2.0-only
/* Output to a client: replies and events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/client.h"

bool client_has_room(const struct client *cl)
{
	return !cl->blocked && cl->out.len < CLIENT_OUT;
}

/* The client may stay blocked for ever: free all
 * memory but the output itself. */
static void trim_output(struct client *cl)
{
	struct json *out = &cl->out;
	char *buf;

	out->len -= cl->out_sent;
	memmove(out->buf, out->buf + cl->out_sent, out->len);
	cl->out_sent = 0;
	buf = realloc(out->buf, out->len);
	if (!buf)
		return;
	out->buf = buf;
	out->cap = out->len;
}

void client_flush(struct client *cl)
{
	cl->blocked = false;
	while (cl->out_sent < cl->out.len && !cl->broken) {
		ssize_t n = send(cl->source.fd, cl->out.buf + cl->out_sent,
				 cl->out.len - cl->out_sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			cl->out_sent += (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			cl->blocked = true;
			trim_output(cl);
			return;
		} else if (errno != EINTR) {
			cl->broken = true;
		}
	}
	cl->out_sent = 0;
	if (cl->out.cap > 4 * CLIENT_OUT) /* after a big reply */
		json_free(&cl->out);
	else
		json_reset(&cl->out);
}

/* A client must not wait for a reply that will not come. */
static void drop_without_reply(struct client *cl)
{
	cl->broken = true;
	warn("out of memory: dropping a client without its reply");
}

void client_part(struct client *cl, struct json *part, bool end)
{
	const char *text = json_text(part);

	if (!text) {
		drop_without_reply(cl);
		return;
	}
	json_raw(&cl->out, text, part->len);
	if (end)
		json_newline(&cl->out);
	if (cl->out.failed)
		drop_without_reply(cl);
}

void client_reply(struct client *cl, struct json *reply)
{
	client_part(cl, reply, true);
}

void client_send_events(struct client *cl)
{
	struct events *ev = &cl->ctl->m->events;
	uint64_t last = events_last(ev);
	struct event e = { 0 };

	/* A gap in seq shows that events were lost. */
	while (client_has_room(cl) && !cl->broken) {
		if (!event_next(ev, cl->seen, &e)) {
			if (cl->seen < last)
				cl->seen = last;
			break;
		}
		cl->seen = e.seq;
		event_json(&e, &cl->out, NULL);
		json_newline(&cl->out);
	}
}

static void eager_add(struct client *cl)
{
	cl->next_eager = cl->ctl->eager;
	cl->back_eager = &cl->ctl->eager;
	if (cl->next_eager)
		cl->next_eager->back_eager = &cl->next_eager;
	cl->ctl->eager = cl;
}

static void eager_remove(struct client *cl)
{
	*cl->back_eager = cl->next_eager;
	if (cl->next_eager)
		cl->next_eager->back_eager = cl->back_eager;
	cl->back_eager = NULL;
}

void client_set_eager(struct client *cl, bool on)
{
	struct control *ctl = cl->ctl;
	struct events *ev = &ctl->m->events;
	bool any = ctl->eager;

	if (on && !cl->back_eager)
		eager_add(cl);
	else if (!on && cl->back_eager)
		eager_remove(cl);
	if (any != !!ctl->eager)
		events_arm(ev, !any);
	/* There are events from before it was armed, or that did not fit. Let
	 * the other clients have their turn first. */
	if (on && cl->seen < events_last(ev))
		loop_wake(ctl->events.fd);
}
