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
#include "play/scenario_halt.h"

static void ending_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

void halt_block_signals(void)
{
	sigset_t set;

	ending_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void halt_unblock_signals(void)
{
	sigset_t set;

	ending_signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* @fd is what @name returned. */
static int watch(int to, int fd, const char *name, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN };

	if (fd < 0)
		return err_os(e, errno, "%s", name);
	if (to >= 0 && epoll_ctl(to, EPOLL_CTL_ADD, fd, &ev))
		return err_os(e, errno, "epoll_ctl of a %s", name);
	return 0;
}

int halt_open(struct halt *h, unsigned int limit_s, struct err *e)
{
	struct itimerspec limit = { .it_value.tv_sec = limit_s };
	sigset_t set;

	ending_signals(&set);
	*h = (struct halt){ -1, -1, -1, -1, 0 };
	h->fd = epoll_create1(EPOLL_CLOEXEC);
	if (watch(-1, h->fd, "epoll_create1", e))
		return -1;
	h->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (watch(h->fd, h->signals, "signalfd", e))
		goto fail;
	h->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (watch(h->fd, h->timer, "timerfd_create", e))
		goto fail;
	h->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watch(h->fd, h->stop, "eventfd", e))
		goto fail;
	if (!timerfd_settime(h->timer, 0, &limit, NULL))
		return 0;
	err_os(e, errno, "timerfd_settime");
fail:
	halt_close(h);
	return -1;
}

void halt_close(struct halt *h)
{
	int fds[] = { h->fd, h->signals, h->timer, h->stop };

	for (unsigned int i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*h = (struct halt){ -1, -1, -1, -1, 0 };
}

void halt_stop(const struct halt *h)
{
	loop_wake(h->stop);
}

void halt_go_on(const struct halt *h)
{
	eventfd_t n;

	eventfd_read(h->stop, &n);
}

static bool is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

bool halt_signal(struct halt *h)
{
	struct signalfd_siginfo si;
	bool any = false;

	while (read(h->signals, &si, sizeof(si)) == sizeof(si)) {
		if (!h->signo)
			h->signo = (int)si.ssi_signo;
		any = true;
	}
	return any;
}

enum halt_why halt_why(struct halt *h, int *signo)
{
	halt_signal(h);
	*signo = h->signo;
	if (h->signo)
		return HALT_SIGNAL;
	if (is_ready(h->timer))
		return HALT_TIME;
	return is_ready(h->stop) ? HALT_STOPPED : HALT_NOT;
}

int halt_poll(const struct halt *h, int fd, int ms)
{
	struct pollfd p[] = { { .fd = h->fd, .events = POLLIN },
			      { .fd = fd, .events = POLLIN } };

	/* No signal interrupts it: those that come are blocked. */
	if (poll(p, 2, ms) == 0)
		return 1;
	return p[0].revents ? -1 : 0;
}
