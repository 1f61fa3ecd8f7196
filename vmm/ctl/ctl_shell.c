// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ctl/ctl_shell.h"
#include "ctl/ctl_status.h"
#include "ctl/lineedit.h"

/*
 * Keys are taken while a reply is due, so that a machine that does not answer
 * does not make the terminal deaf; the prompt is shown again when the replies
 * are there.
 */
struct shell {
	struct ctl_link *l;
	struct lineedit le;
	struct lineedit_tty tty;
	bool json;
	bool leaving; /* no more input; what was sent is still answered */
	int signal;   /* the one to die of */
};

/* A terminal must not be left in our modes, so signals that end the program
 * are read from a descriptor and raised again afterwards. SIGCONT: whoever
 * stopped us may have changed the modes. */
static void signal_set(sigset_t *set)
{
	static const int signals[] = { SIGINT,	SIGTERM, SIGHUP,
				       SIGQUIT, SIGCONT, SIGWINCH };

	sigemptyset(set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(set, signals[i]);
}

static void redraw(struct shell *s)
{
	if (s->tty.shown && !s->tty.plain)
		lineedit_tty_draw(&s->tty, &s->le);
}

static void show_prompt(struct shell *s)
{
	if (!s->leaving && !s->l->closed)
		lineedit_tty_draw(&s->tty, &s->le);
}

static void leave(struct shell *s)
{
	s->leaving = true;
	lineedit_tty_leave(&s->tty);
}

static void print_lines(struct shell *s)
{
	bool shown = s->tty.shown;
	const char *line;
	size_t n;

	while ((line = link_line(s->l, &n))) {
		lineedit_tty_hide(&s->tty);
		link_account(s->l, line, n);
		if (s->json) {
			fwrite(line, 1, n, stdout);
			fputc('\n', stdout);
		} else {
			reply_render(stdout, line, n,
				     lineedit_tty_width(&s->tty));
		}
	}
	fflush(stdout);
	if (!s->tty.shown && (shown || !s->l->waiting))
		show_prompt(s);
}

static void submit(struct shell *s)
{
	struct ctl_request q;
	struct err e;
	int ret = request_line(s->le.buf, s->le.len, &q, &e);

	lineedit_reset(&s->le, true);
	if (ret < 0) {
		warn_err(&e);
	} else if (ret > 0 && request_is(&q, "exit")) {
		leave(s);
		return;
	} else if (ret > 0 && link_send(s->l, &q)) {
		s->l->closed = true;
	}
	if (!s->l->waiting)
		show_prompt(s);
}

static void take_key(struct shell *s, unsigned char c)
{
	switch (lineedit_byte(&s->le, c)) {
	case LINEEDIT_MORE:
		break;
	case LINEEDIT_CLEAR:
		lineedit_tty_clear(&s->tty);
		break;
	case LINEEDIT_EOF:
		lineedit_tty_finish(&s->tty, &s->le, "");
		leave(s);
		break;
	case LINEEDIT_ABANDONED:
		lineedit_tty_finish(&s->tty, &s->le, "^C");
		lineedit_reset(&s->le, false);
		show_prompt(s);
		break;
	case LINEEDIT_DONE:
		lineedit_tty_finish(&s->tty, &s->le, "");
		submit(s);
		break;
	}
}

static void take_input(struct shell *s)
{
	unsigned char keys[512];
	ssize_t n = read(s->tty.in, keys, sizeof(keys));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		lineedit_tty_hide(&s->tty);
		leave(s);
		return;
	}
	for (ssize_t i = 0; i < n && !s->leaving; i++)
		take_key(s, keys[i]);
	redraw(s);
}

static void take_signal(struct shell *s, int fd)
{
	struct signalfd_siginfo si;

	if (read(fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	if (si.ssi_signo == SIGCONT && !s->leaving)
		lineedit_tty_enter(&s->tty);
	if (si.ssi_signo == SIGCONT || si.ssi_signo == SIGWINCH)
		redraw(s);
	else
		s->signal = (int)si.ssi_signo;
}

static void shell_loop(struct shell *s, int sigfd)
{
	lineedit_tty_enter(&s->tty);
	show_prompt(s);
	while (!s->signal && !s->l->closed && !(s->leaving && !s->l->waiting)) {
		struct pollfd p[] = {
			{ .fd = sigfd, .events = POLLIN },
			{ .fd = s->l->fd, .events = POLLIN },
			{ .fd = s->leaving ? -1 : s->tty.in, .events = POLLIN },
		};

		if (poll(p, 3, -1) < 0)
			continue;
		if (p[0].revents)
			take_signal(s, sigfd);
		if (p[1].revents && link_fill(s->l)) {
			warn("%s", link_trouble(s->l));
			break;
		}
		/* link_send() may have taken lines in as well. */
		print_lines(s);
		if (p[2].revents && !s->signal && !s->l->closed)
			take_input(s);
		print_lines(s);
	}
	lineedit_tty_hide(&s->tty);
	lineedit_tty_leave(&s->tty);
}

int ctl_shell(struct ctl_link *l, bool json)
{
	struct shell s = { .l = l, .json = json };
	sigset_t set, old;
	int sigfd;

	signal_set(&set);
	sigprocmask(SIG_BLOCK, &set, &old);
	sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sigfd < 0) {
		warn("signalfd: %s", strerror(errno));
		return CTL_FAILED;
	}
	lineedit_init(&s.le);
	lineedit_tty_init(&s.tty, STDIN_FILENO, STDOUT_FILENO, "gpcvm> ");
	shell_loop(&s, sigfd);
	lineedit_free(&s.le);
	close(sigfd);
	if (s.signal) {
		raise(s.signal);
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
	return l->closed ? ctl_closed(l) : CTL_OK;
}
