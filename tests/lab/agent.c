// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lab's /init: sets up what a program expects of a machine, loads the
 * modules that it was given, and then runs commands for the lab outside, over
 * the second serial port. As PID 1 it must not end, except by rebooting,
 * which is how the lab's QEMU (-no-reboot) is told to go.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define PORT	    "/dev/ttyS1"
#define BACKLOG_MAX (1 << 20)

/* The first three are in the order of the child's 0, 1 and 2. */
enum stream { TO_CHILD, OUT, ERR, SOCKET, STREAMS };

/* What goes by one id: a process with its three pipes, or a connection. */
struct item {
	pid_t pid; /* 0: no process */
	int fd[STREAMS];
	bool exited;
	uint32_t status;
	/* The command line, from its FRAME_ARGS to its FRAME_EXEC. */
	char *words;
	size_t words_len;
	/* Bytes for fd[TO_CHILD] or fd[SOCKET] that it does not take yet. */
	char *backlog;
	size_t len;
	bool closing; /* after the backlog */
};

struct agent {
	int port, epoll, signals;
	struct item items[FRAME_IDS];
	unsigned char in[FRAME_HEAD + FRAME_MAX];
	size_t in_len;
};

/* Where a file descriptor of the epoll set belongs. */
static uint64_t tag(unsigned int id, enum stream s)
{
	return (uint64_t)id << 8 | s;
}

#define TAG_PORT    UINT64_MAX
#define TAG_SIGNALS (UINT64_MAX - 1)

/* ---- frames ------------------------------------------------------------- */

static void put_all(int fd, const void *data, size_t len)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			poll(&room, 1, -1);
		} else if (errno != EINTR) {
			agent_say("writing to " PORT);
			agent_leave();
		}
	}
}

static void send_frame(struct agent *a, int type, unsigned int id,
		       const void *data, size_t len)
{
	unsigned char head[FRAME_HEAD] = {
		(unsigned char)type,
		(unsigned char)id,
		(unsigned char)len,
		(unsigned char)(len >> 8),
	};

	put_all(a->port, head, sizeof(head));
	put_all(a->port, data, len);
}

static void send_word(struct agent *a, int type, unsigned int id, uint32_t v)
{
	unsigned char w[4] = { (unsigned char)v, (unsigned char)(v >> 8),
			       (unsigned char)(v >> 16),
			       (unsigned char)(v >> 24) };

	send_frame(a, type, id, w, sizeof(w));
}

/* ---- items -------------------------------------------------------------- */

static void watch(struct agent *a, unsigned int id, enum stream s,
		  uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.u64 = tag(id, s) };
	int fd = a->items[id].fd[s];

	if (epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &ev) && errno == EEXIST)
		epoll_ctl(a->epoll, EPOLL_CTL_MOD, fd, &ev);
}

static void close_stream(struct item *it, enum stream s)
{
	if (it->fd[s] >= 0)
		close(it->fd[s]);
	it->fd[s] = -1;
}

static void clear_item(struct item *it)
{
	for (int s = 0; s < STREAMS; s++)
		close_stream(it, s);
	free(it->backlog);
	free(it->words);
	*it = (struct item){ .fd = { -1, -1, -1, -1 } };
}

/* What comes from a connection; an empty frame for its end. False: no more. */
static bool read_socket(struct agent *a, unsigned int id)
{
	struct item *it = &a->items[id];
	char buf[FRAME_MAX];
	ssize_t n = read(it->fd[SOCKET], buf, sizeof(buf));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	send_frame(a, FRAME_DATA, id, buf, n > 0 ? (size_t)n : 0);
	if (n <= 0)
		clear_item(it);
	return n > 0;
}

/* Say that it is over once both: it has ended, and its output has been read; and
 * what it has answered on its socket before, for with this all may end. */
static void maybe_over(struct agent *a, unsigned int id)
{
	struct item *it = &a->items[id];

	if (!it->exited || it->fd[OUT] >= 0 || it->fd[ERR] >= 0)
		return;
	for (unsigned int i = 0; i < FRAME_IDS; i++)
		while (a->items[i].fd[SOCKET] >= 0 && read_socket(a, i))
			;
	send_word(a, FRAME_EXITED, id, it->status);
	clear_item(it);
}

static void flush_backlog(struct agent *a, unsigned int id)
{
	struct item *it = &a->items[id];
	enum stream s = it->fd[SOCKET] >= 0 ? SOCKET : TO_CHILD;
	ssize_t n = 0;

	while (it->len && (n = write(it->fd[s], it->backlog, it->len)) > 0) {
		it->len -= (size_t)n;
		memmove(it->backlog, it->backlog + n, it->len);
	}
	if (it->len && n < 0 && errno != EAGAIN && errno != EINTR) {
		it->len = 0; /* nobody reads: EPIPE */
		it->closing = true;
	}
	if (!it->len && it->closing) {
		if (s == SOCKET)
			shutdown(it->fd[s], SHUT_WR);
		else
			close_stream(it, s);
	}
	if (it->fd[s] >= 0)
		watch(a, id, s,
		      (s == SOCKET ? EPOLLIN : 0) | (it->len ? EPOLLOUT : 0));
}

static void feed(struct agent *a, unsigned int id, const void *data, size_t len)
{
	struct item *it = &a->items[id];
	char *more;

	if (it->fd[TO_CHILD] < 0 && it->fd[SOCKET] < 0)
		return; /* it has gone meanwhile */
	more = realloc(it->backlog, it->len + len + 1);
	if (!more || it->len + len > BACKLOG_MAX)
		len = 0; /* told by the missing answer */
	if (more)
		it->backlog = more;
	memcpy(it->backlog + it->len, data, len);
	it->len += len;
	if (!len)
		it->closing = true;
	flush_backlog(a, id);
}

/* ---- processes ---------------------------------------------------------- */

/* Parts of a command line follow each other; none may get lost. */
static void add_words(struct item *it, const char *words, size_t len)
{
	char *more = realloc(it->words, it->words_len + len + 1);

	if (!more) {
		agent_say("a command line");
		agent_leave();
	}
	it->words = more;
	memcpy(more + it->words_len, words, len);
	it->words_len += len;
}

static void on_exec(struct agent *a, unsigned int id)
{
	struct item *it = &a->items[id];
	int r = agent_start_child(it->words, it->words_len, &it->pid, it->fd);

	if (r) {
		clear_item(it);
		send_word(a, FRAME_EXITED, id, 1U << 31 | (uint32_t)r);
		return;
	}
	watch(a, id, OUT, EPOLLIN);
	watch(a, id, ERR, EPOLLIN);
}

/* One write() to a file that is there: for images without a shell. */
static void on_write(struct agent *a, unsigned int id, const char *path,
		     size_t len)
{
	size_t skip = strnlen(path, len) + 1;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = fd < 0 ? errno : 0;

	if (fd >= 0 && skip < len && write(fd, path + skip, len - skip) < 0)
		r = errno;
	if (fd >= 0)
		close(fd);
	send_word(a, FRAME_EXITED, id, r ? 1U << 31 | (uint32_t)r : 0);
}

static void reap(struct agent *a)
{
	struct signalfd_siginfo si;
	int status;
	pid_t pid;

	while (read(a->signals, &si, sizeof(si)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned int id = 0; id < FRAME_IDS; id++) {
			struct item *it = &a->items[id];

			if (it->pid != pid)
				continue;
			it->exited = true;
			it->status = (uint32_t)status;
			close_stream(it, TO_CHILD);
			maybe_over(a, id);
		}
	}
}

/* ---- connections -------------------------------------------------------- */

static void on_connect(struct agent *a, unsigned int id, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct item *it = &a->items[id];
	int r = 0;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		send_word(a, FRAME_OPENED, id, ENAMETOOLONG);
		return;
	}
	strcpy(sa.sun_path, path);
	it->fd[SOCKET] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (it->fd[SOCKET] < 0 ||
	    connect(it->fd[SOCKET], (void *)&sa, sizeof(sa))) {
		r = errno;
		clear_item(it);
	} else {
		fcntl(it->fd[SOCKET], F_SETFL, O_NONBLOCK);
		watch(a, id, SOCKET, EPOLLIN);
	}
	send_word(a, FRAME_OPENED, id, (uint32_t)r);
}

/* ---- the loop ----------------------------------------------------------- */

static void on_frame(struct agent *a, int type, unsigned int id, char *data,
		     size_t len)
{
	data[len] = 0;
	switch (type) {
	case FRAME_ARGS:
		add_words(&a->items[id], data, len);
		break;
	case FRAME_EXEC:
		on_exec(a, id);
		break;
	case FRAME_WRITE:
		on_write(a, id, data, len);
		break;
	case FRAME_CONNECT:
		on_connect(a, id, data);
		break;
	case FRAME_STDIN:
	case FRAME_DATA:
		feed(a, id, data, len);
		break;
	case FRAME_SIGNAL:
		if (len == 1 && a->items[id].pid && !a->items[id].exited)
			kill(-a->items[id].pid, data[0]);
		break;
	case FRAME_BEAT:
		break;
	case FRAME_REBOOT:
		agent_leave();
	default:
		dprintf(STDERR_FILENO, "lab: no frame of type %d\n", type);
	}
}

static void on_port(struct agent *a)
{
	static char data[FRAME_MAX + 1]; /* big, for a stack */
	ssize_t n = read(a->port, a->in + a->in_len, sizeof(a->in) - a->in_len);

	if (n > 0)
		a->in_len += (size_t)n;
	while (a->in_len >= FRAME_HEAD) {
		size_t len = a->in[2] | (size_t)a->in[3] << 8;
		size_t all = FRAME_HEAD + len;

		if (len > FRAME_MAX) {
			errno = EPROTO;
			agent_say(PORT);
			agent_leave();
		}
		if (a->in_len < all)
			return;
		memcpy(data, a->in + FRAME_HEAD, len);
		on_frame(a, a->in[0], a->in[1], data, len);
		a->in_len -= all;
		memmove(a->in, a->in + all, a->in_len);
	}
}

static void on_stream(struct agent *a, unsigned int id, enum stream s)
{
	struct item *it = &a->items[id];
	char buf[FRAME_MAX];
	ssize_t n;

	if (it->fd[s] < 0)
		return; /* closed by an event before this one */
	if (it->len && s != OUT && s != ERR)
		flush_backlog(a, id);
	else if (s == TO_CHILD)
		close_stream(it, s); /* EPOLLERR: it does not read any more */
	if (s == TO_CHILD || it->fd[s] < 0)
		return;
	if (s == SOCKET) {
		read_socket(a, id);
		return;
	}
	n = read(it->fd[s], buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		send_frame(a, s == OUT ? FRAME_STDOUT : FRAME_STDERR, id, buf,
			   (size_t)n);
		return;
	}
	close_stream(it, s);
	maybe_over(a, id);
}

static _Noreturn void loop(struct agent *a)
{
	struct epoll_event ev[16];

	for (;;) {
		int n = epoll_wait(a->epoll, ev, 16, -1);

		for (int i = 0; i < n; i++) {
			uint64_t t = ev[i].data.u64;

			if (t == TAG_PORT)
				on_port(a);
			else if (t == TAG_SIGNALS)
				reap(a);
			else
				on_stream(a, (unsigned int)(t >> 8),
					  (enum stream)(t & 0xff));
		}
	}
}

/* ---- setting up --------------------------------------------------------- */

static void set_up(struct agent *a)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct utsname u;
	char hello[sizeof(HELLO_MAGIC) + sizeof(u.release)];
	sigset_t set;

	for (unsigned int i = 0; i < FRAME_IDS; i++)
		clear_item(&a->items[i]);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	a->port = agent_open_port(PORT);
	if (a->port < 0)
		agent_leave();
	fcntl(a->port, F_SETFL, O_NONBLOCK);
	a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	ev.data.u64 = TAG_PORT;
	epoll_ctl(a->epoll, EPOLL_CTL_ADD, a->port, &ev);
	ev.data.u64 = TAG_SIGNALS;
	epoll_ctl(a->epoll, EPOLL_CTL_ADD, a->signals, &ev);
	uname(&u);
	snprintf(hello, sizeof(hello), HELLO_MAGIC "%s", u.release);
	send_frame(a, FRAME_HELLO, 0, hello, strlen(hello));
}

int main(int argc, char **argv)
{
	static struct agent a;

	setenv("PATH", "/bin:/sbin:/usr/bin", 1);
	setenv("HOME", "/", 1);
	setenv("TERM", "linux", 0);
	agent_mount();
	agent_load_modules();
	agent_hold_kvm();
	set_up(&a);
	/* What the kernel's command line says and the kernel does not know. */
	if (argc > 1 && !strcmp(argv[1], "lab-shell"))
		agent_start_shell();
	loop(&a);
}
