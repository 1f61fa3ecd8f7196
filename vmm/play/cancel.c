// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/num.h"
#include "play/cancel.h"

static void ending_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

void cancel_block_signals(void)
{
	sigset_t set;

	ending_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void cancel_unblock_signals(void)
{
	sigset_t set;

	ending_signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Check @fd, which @name returned, and have @to, unless -1, watch it. */
static int watch_fd(int to, int fd, const char *name, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN };

	if (fd < 0)
		return err_os(e, errno, "%s", name);
	if (to >= 0 && epoll_ctl(to, EPOLL_CTL_ADD, fd, &ev))
		return err_os(e, errno, "epoll_ctl of a %s", name);
	return 0;
}

static int open_fds(struct cancel *c, struct err *e)
{
	sigset_t set;

	ending_signals(&set);
	c->fd = epoll_create1(EPOLL_CLOEXEC);
	if (watch_fd(-1, c->fd, "epoll_create1", e))
		return -1;
	c->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (watch_fd(c->fd, c->signals, "signalfd", e))
		return -1;
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (watch_fd(c->fd, c->timer, "timerfd_create", e))
		return -1;
	c->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return watch_fd(c->fd, c->stop, "eventfd", e);
}

int cancel_open(struct cancel *c, unsigned int limit_s, struct err *e)
{
	struct itimerspec limit = { .it_value.tv_sec = limit_s };
	int r;

	*c = (struct cancel){ -1, -1, -1, -1, 0 };
	r = open_fds(c, e);
	if (!r && timerfd_settime(c->timer, 0, &limit, NULL))
		r = err_os(e, errno, "timerfd_settime");
	if (r)
		cancel_close(c);
	return r;
}

void cancel_close(struct cancel *c)
{
	const int fds[] = { c->fd, c->signals, c->timer, c->stop };

	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*c = (struct cancel){ -1, -1, -1, -1, 0 };
}

void cancel_stop(const struct cancel *c)
{
	loop_wake(c->stop);
}

void cancel_undo(const struct cancel *c)
{
	eventfd_t n;

	eventfd_read(c->stop, &n);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

bool cancel_signal(struct cancel *c)
{
	struct signalfd_siginfo si;
	bool any = false;

	while (read(c->signals, &si, sizeof(si)) == sizeof(si)) {
		if (!c->signo)
			c->signo = (int)si.ssi_signo;
		any = true;
	}
	return any;
}

enum cancel_why cancel_why(struct cancel *c)
{
	cancel_signal(c);
	if (c->signo)
		return CANCEL_SIGNAL;
	if (is_readable(c->timer))
		return CANCEL_TIME;
	return is_readable(c->stop) ? CANCEL_STOPPED : CANCEL_NOT;
}

int cancel_poll(const struct cancel *c, int fd, int ms)
{
	struct pollfd p[] = { { .fd = c->fd, .events = POLLIN },
			      { .fd = fd, .events = POLLIN } };

	/* Not interrupted: signals are blocked. */
	if (poll(p, 2, ms) == 0)
		return 1;
	return p[0].revents ? -1 : 0;
}
