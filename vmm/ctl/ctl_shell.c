// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ctl/complete.h"
#include "ctl/ctl_shell.h"
#include "ctl/ctl_status.h"
#include "ctl/history.h"
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
	struct history history;
	struct complete words;
	const char *path; /* of the machine */
	int keys;	  /* readable where the terminal or a signal is */
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

	if (lineedit_remember(&s->le, s->le.buf, s->le.len))
		history_append(&s->history, s->le.buf);
	lineedit_reset(&s->le);
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

static void print_words(struct shell *s, const struct complete_words *w)
{
	size_t width = lineedit_tty_width(&s->tty);
	size_t widest = 0, column = 0;

	for (size_t i = 0; i < w->nr; i++)
		if (strlen(w->word[i]) + 2 > widest)
			widest = strlen(w->word[i]) + 2;
	lineedit_tty_finish(&s->tty, &s->le, "");
	for (size_t i = 0; i < w->nr; i++) {
		if (column && column + widest > width) {
			putchar('\n');
			column = 0;
		}
		printf("%-*s", (int)widest, w->word[i]);
		column += widest;
	}
	putchar('\n');
	fflush(stdout);
	lineedit_tty_draw(&s->tty, &s->le);
}

/* The machine is asked for its tables once. A blank where more keys follow at
 * once: that is a tab in a text that was pasted. */
static void complete_word(struct shell *s, bool pasted)
{
	struct complete_words w;

	if (pasted || s->tty.plain) {
		lineedit_insert(&s->le, ' ');
		return;
	}
	if (!s->words.reply[NR_TABLES - 1])
		complete_load(&s->words, s->path, s->keys);
	complete_line(&s->words, s->le.buf, s->le.pos, &w);
	if (w.nr > 1 && w.common == w.typed) {
		print_words(s, &w);
		return;
	}
	if (!w.nr)
		putchar('\a');
	fflush(stdout);
	for (size_t i = w.typed; i < w.common; i++)
		lineedit_insert(&s->le, w.word[0][i]);
	if (w.nr == 1 && s->le.pos == s->le.len)
		lineedit_insert(&s->le, ' ');
}

static void take_key(struct shell *s, unsigned char c, bool more)
{
	switch (lineedit_byte(&s->le, c)) {
	case LINEEDIT_MORE:
		break;
	case LINEEDIT_CLEAR:
		lineedit_tty_clear(&s->tty);
		break;
	case LINEEDIT_TAB:
		complete_word(s, more);
		break;
	case LINEEDIT_EOF:
		lineedit_tty_finish(&s->tty, &s->le, "");
		leave(s);
		break;
	case LINEEDIT_ABANDONED:
		lineedit_tty_finish(&s->tty, &s->le, "^C");
		lineedit_reset(&s->le);
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
		take_key(s, keys[i], i + 1 < n);
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

/* One descriptor that is readable when one of both is. -1: none. */
static int either(int a, int b)
{
	struct epoll_event in = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(fd, EPOLL_CTL_ADD, a, &in);
	epoll_ctl(fd, EPOLL_CTL_ADD, b, &in);
	return fd;
}

int ctl_shell(struct ctl_link *l, const char *path, bool json)
{
	struct shell s = { .l = l, .path = path, .json = json };
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
	history_load(&s.history, &s.le);
	s.keys = either(sigfd, s.tty.in);
	shell_loop(&s, sigfd);
	lineedit_free(&s.le);
	complete_free(&s.words);
	if (s.keys >= 0)
		close(s.keys);
	close(sigfd);
	if (s.signal) {
		raise(s.signal);
		sigprocmask(SIG_SETMASK, &old, NULL);
	}
	return l->closed ? ctl_closed(l) : CTL_OK;
}
