// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <unistd.h>

#include "loop.h"

/* One at a time: a handler may remove (and free) any other source, and no
 * event of a removed source may then be delivered from an older batch. */
#define BATCH 1

int loop_init(struct loop *l, struct err *e)
{
	l->stop = false;
	l->fd = epoll_create1(EPOLL_CLOEXEC);
	return l->fd < 0 ? err_os(e, errno, "epoll_create1") : 0;
}

void loop_free(struct loop *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static int control(struct loop *l, int op, struct loop_source *s,
		   uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	return epoll_ctl(l->fd, op, s->fd, &ev);
}

int loop_add(struct loop *l, struct loop_source *s, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, s, events);
}

int loop_change(struct loop *l, struct loop_source *s, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, s, events);
}

void loop_remove(struct loop *l, struct loop_source *s)
{
	control(l, EPOLL_CTL_DEL, s, 0);
}

void loop_run(struct loop *l, void (*idle)(void *arg), void *arg)
{
	struct epoll_event ev[BATCH];

	while (!l->stop) {
		int n = epoll_wait(l->fd, ev, BATCH, -1);

		for (int i = 0; i < n && !l->stop; i++) {
			struct loop_source *s = ev[i].data.ptr;

			s->ready(s->arg, ev[i].events);
		}
		if (idle)
			idle(arg);
	}
}
