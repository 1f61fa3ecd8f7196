// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

/* One event at a time: a handler may remove (and free) any other source, and an
 * older batch might still hold an event of that source. */
#define BATCH	1

/* The time it takes to wake an idle CPU (measured: a request and its reply take
 * 38 us if it was idle, 14 us if not). */
#define POLL_NS 30000

int loop_init(struct loop *l, struct err *e)
{
	l->stop = false;
	/* With one CPU, polling would only delay whoever is to answer. */
	l->poll_ns = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? POLL_NS : 0;
	l->fd = epoll_create1(EPOLL_CLOEXEC);
	return l->fd < 0 ? err_os(e, errno, "epoll_create1") : 0;
}

void loop_free(struct loop *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static int loop_ctl(struct loop *l, int op, struct loop_source *s,
		    uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	return epoll_ctl(l->fd, op, s->fd, &ev);
}

int loop_add(struct loop *l, struct loop_source *s, uint32_t events)
{
	return loop_ctl(l, EPOLL_CTL_ADD, s, events);
}

int loop_change(struct loop *l, struct loop_source *s, uint32_t events)
{
	return loop_ctl(l, EPOLL_CTL_MOD, s, events);
}

void loop_remove(struct loop *l, struct loop_source *s)
{
	loop_ctl(l, EPOLL_CTL_DEL, s, 0);
}

/* Wait for an event. Poll first: the next one often follows soon. */
static int wait_event(struct loop *l, struct epoll_event *ev)
{
	uint64_t until = now_ns() + l->poll_ns;
	int n;

	do {
		n = epoll_wait(l->fd, ev, BATCH, 0);
	} while (!n && now_ns() < until);
	return n ? n : epoll_wait(l->fd, ev, BATCH, -1);
}

void loop_run(struct loop *l, void (*idle)(void *arg), void *arg)
{
	struct epoll_event ev[BATCH];

	while (!l->stop) {
		int n = wait_event(l, ev);

		for (int i = 0; i < n && !l->stop; i++) {
			struct loop_source *s = ev[i].data.ptr;

			s->ready(s->arg, ev[i].events);
		}
		if (idle)
			idle(arg);
	}
}

void loop_wake(int eventfd)
{
	const uint64_t one = 1;

	/* EAGAIN: already signalled (fs/eventfd.c, eventfd_write). */
	for (int i = 0; i < 3; i++)
		if (write(eventfd, &one, sizeof(one)) == sizeof(one) ||
		    errno == EAGAIN)
			return;
}
