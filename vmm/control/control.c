// SPDX-License-Identifier: GPL-2.0-only
/* Accept or refuse connections. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "control/client.h"
#include "control/control.h"
#include "keeper/control_socket.h"
#include "keeper/keeper.h"

#define CLIENTS_MAX 4096
#define FDS_KEPT    64 /* not for clients */
#define RETRY_NS    (100 * NS_PER_MS)

static void on_events(void *arg, uint32_t bits)
{
	struct control *ctl = arg;
	struct client *cl, *next;
	uint64_t n;

	(void)bits;
	if (read(ctl->events.fd, &n, sizeof(n)) < 0)
		return;
	for (cl = ctl->eager; cl; cl = next) {
		next = cl->next_eager;
		client_update(cl);
	}
}

/* Send an error reply to a connection that does not
 * become a client, and close it. */
static void refuse_connection(int fd, const struct err *e)
{
	struct json j;
	const char *text;

	json_init(&j);
	request_refuse(&j, e);
	json_newline(&j);
	text = json_text(&j);
	if (text && send(fd, text, j.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		warn("a connection was refused without a reply: %s",
		     strerrordesc_np(errno));
	json_free(&j);
	close(fd);
}

static void admit_connection(struct control *ctl, int fd)
{
	struct err e;

	ctl->starved = false;
	if (socket_check_peer(fd, ctl->s->starter, &e)) {
		event_add(&ctl->m->events, EVENT_CONTROL,
			  "connection refused: %s", e.msg);
		refuse_connection(fd, &e);
	} else if (ctl->nr >= ctl->max) {
		err_state(&e, "too many connections: %u clients", ctl->nr);
		refuse_connection(fd, &e);
	} else if (client_add(ctl, fd, &e)) {
		refuse_connection(fd, &e);
	}
}

static int accept_one(const struct control *ctl)
{
	return accept4(ctl->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* An eventfd needs no path, so it can be created in the sandbox. */
static void open_reserve(struct control *ctl)
{
	if (ctl->reserve < 0)
		ctl->reserve = eventfd(0, EFD_CLOEXEC);
}

/* All file descriptors are in use: give up the reserve to accept one more
 * connection and send it the reason. */
static bool refuse_for_files(struct control *ctl, int why)
{
	struct err e;
	int fd;

	if (ctl->reserve < 0)
		return false;
	close(ctl->reserve);
	ctl->reserve = -1;
	fd = accept_one(ctl);
	if (fd >= 0) {
		err_os(&e, why, "no file descriptor for another client");
		refuse_connection(fd, &e);
	}
	open_reserve(ctl);
	return fd >= 0;
}

/* Otherwise waiting connections would wake the loop again and again. */
static void pause_accepting(struct control *ctl, int why)
{
	const struct itimerspec t = { .it_value.tv_nsec = RETRY_NS };

	if (!ctl->starved)
		event_add(&ctl->m->events, EVENT_CONTROL,
			  "cannot accept connections: %s: retrying",
			  strerrordesc_np(why));
	ctl->starved = true;
	if (!timerfd_settime(ctl->retry.fd, 0, &t, NULL))
		loop_change(&ctl->m->loop, &ctl->accept, 0);
}

static void on_retry(void *arg, uint32_t events)
{
	struct control *ctl = arg;
	uint64_t n;

	(void)events;
	if (read(ctl->retry.fd, &n, sizeof(n)) < 0)
		return;
	open_reserve(ctl);
	loop_change(&ctl->m->loop, &ctl->accept, EPOLLIN);
}

static void on_accept(void *arg, uint32_t events)
{
	struct control *ctl = arg;
	int fd = accept_one(ctl);
	int why = errno;

	(void)events;
	if (fd >= 0)
		admit_connection(ctl, fd);
	else if (why == EAGAIN || why == EINTR || why == ECONNABORTED)
		return; /* the peer is gone */
	else if ((why != EMFILE && why != ENFILE) ||
		 !refuse_for_files(ctl, why))
		pause_accepting(ctl, why);
}

/* Derive the number of clients from the limit on open files,
 * less those of the vCPUs. */
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

static int watch_connections(struct control *ctl, struct err *e)
{
	struct machine *m = ctl->m;
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	ctl->accept = (struct loop_source){ ctl->fd, on_accept, ctl };
	ctl->events = (struct loop_source){ m->events.wake, on_events, ctl };
	ctl->retry = (struct loop_source){ timer, on_retry, ctl };
	open_reserve(ctl);
	if (ctl->reserve < 0 || timer < 0)
		return err_os(e, errno, "eventfd and timerfd for connections");
	if (loop_add(&m->loop, &ctl->accept, EPOLLIN) ||
	    loop_add(&m->loop, &ctl->events, EPOLLIN) ||
	    loop_add(&m->loop, &ctl->retry, EPOLLIN))
		return err_os(e, errno, "epoll_ctl");
	return 0;
}

struct control *control_open(struct session *s, struct err *e)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	if (!ctl) {
		err_os(e, ENOMEM, "memory for the control socket");
		return NULL;
	}
	ctl->s = s;
	ctl->m = s->m;
	ctl->reserve = -1;
	ctl->max = client_limit(s->m);
	ctl->fd = keeper_listen(s->keeper, e);
	if (ctl->fd < 0) {
		free(ctl);
		return NULL;
	}
	if (watch_connections(ctl, e)) {
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
		if (cl->subscribed && !cl->parts)
			client_send_events(cl);
		client_flush(cl);
		client_drop(cl);
	}
	if (ctl->spare) {
		json_free(&ctl->spare->reply);
		free(ctl->spare);
	}
	if (ctl->reserve >= 0)
		close(ctl->reserve);
	if (ctl->retry.fd >= 0)
		close(ctl->retry.fd);
	/* Remove the path before closing the socket, so that clients find
	 * either a working socket or none. */
	keeper_stop(ctl->s->keeper);
	close(ctl->fd);
	free(ctl);
}
