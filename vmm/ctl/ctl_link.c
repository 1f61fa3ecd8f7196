// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ctl_link.h"

#define RETRY_MS    20
#define BACKLOG_MS  1000 /* for a full accept queue */
#define READ_BYTES  4096
#define SEND_FAILED (-1)

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int connect_error(int en, const char *path, struct err *e)
{
	struct stat st;

	switch (en) {
	case ENOENT:
		return err_state(e,
				 "no control socket at %s: is gpcvm running "
				 "with --control %s?",
				 path, path);
	case ECONNREFUSED:
		if (!stat(path, &st) && !S_ISSOCK(st.st_mode))
			return err_state(e,
					 "%s is not a socket: give the path "
					 "that gpcvm got with --control",
					 path);
		return err_state(e,
				 "nobody listens at %s (left over from a gpcvm "
				 "that was killed?)",
				 path);
	case EAGAIN:
		return err_state(
			e,
			"%s accepts no more connections (is gpcvm stopped, or "
			"are many clients waiting?)",
			path);
	case EACCES:
	case EPERM:
		return err_state(
			e,
			"no permission to use %s: connect as the user who "
			"runs gpcvm, or as root",
			path);
	default:
		return err_os(e, en, "cannot connect to %s", path);
	}
}

/* Do not block: a blocking socket would wait for ever while the listener's
 * queue is full; a nonblocking one gets EAGAIN (unix(7)). */
static int try_connect(const struct sockaddr_un *sa, int *fd)
{
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return errno;
	if (!connect(*fd, (const struct sockaddr *)sa, sizeof(*sa)))
		return 0;
	return errno;
}

int link_open(struct ctl_link *l, const char *path, unsigned int wait_s,
	      struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	long start = now_ms();
	long limit = (long)wait_s * 1000;
	int en;

	*l = (struct ctl_link){ .fd = -1 };
	if (!*path)
		return err_usage(e, "the path of the control socket is empty");
	if (strlen(path) >= sizeof(sa.sun_path))
		return err_usage(
			e,
			"the path %.40s... has %zu bytes, but a Unix socket's "
			"path at most %zu: use a shorter one, or change the "
			"directory",
			path, strlen(path), sizeof(sa.sun_path) - 1);
	memcpy(sa.sun_path, path, strlen(path));
	for (;;) {
		long spent;

		en = try_connect(&sa, &l->fd);
		if (!en)
			return 0;
		if (l->fd >= 0)
			close(l->fd);
		l->fd = -1;
		spent = now_ms() - start;
		if (en == EAGAIN ? spent >= limit && spent >= BACKLOG_MS
				 : spent >= limit)
			break;
		if (en != ENOENT && en != ECONNREFUSED && en != EAGAIN)
			break;
		poll(NULL, 0, RETRY_MS);
	}
	return connect_error(en, path, e);
}

void link_close(struct ctl_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->buf);
	*l = (struct ctl_link){ .fd = -1, .closed = true };
}

pid_t link_peer(const struct ctl_link *l)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	if (getsockopt(l->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return 0;
	return peer.pid;
}

static int grow_buffer(struct ctl_link *l)
{
	size_t cap = l->cap ? l->cap : (size_t)4 * READ_BYTES;
	char *buf;

	if (l->start) {
		memmove(l->buf, l->buf + l->start, l->len - l->start);
		l->len -= l->start;
		l->seen -= l->start;
		l->start = 0;
	}
	while (cap - l->len < READ_BYTES)
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			return -1;
	if (cap == l->cap)
		return 0;
	buf = realloc(l->buf, cap);
	if (!buf)
		return -1;
	l->buf = buf;
	l->cap = cap;
	return 0;
}

int link_fill(struct ctl_link *l)
{
	ssize_t n;

	if (l->closed)
		return 0;
	if (l->len - l->start >= LINK_MAX) {
		l->too_long = l->closed = true;
		return -1;
	}
	if (grow_buffer(l))
		return -1;
	n = recv(l->fd, l->buf + l->len, l->cap - l->len, MSG_DONTWAIT);
	if (n > 0)
		l->len += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		l->os_errno = n ? errno : l->os_errno;
		l->closed = true;
	}
	return 0;
}

const char *link_trouble(const struct ctl_link *l)
{
	if (l->too_long)
		return "received a line of more than 16 MiB: the peer is not "
		       "gpcvm";
	return l->closed || l->os_errno ? "the machine closed the connection"
					: "out of memory for a reply";
}

int link_lost(const struct ctl_link *l, struct err *e)
{
	return err_set(e, ERR_STATE, l->os_errno, "%s", link_trouble(l));
}

int link_send(struct ctl_link *l, const struct ctl_request *q)
{
	char line[LINE_MAX_BYTES + 1];
	size_t n = q->len + 1;
	size_t done = 0;

	memcpy(line, q->text, q->len);
	line[q->len] = '\n';
	l->quit_answered = false;
	while (done < n && !l->closed) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN | POLLOUT };
		ssize_t sent;

		/* MSG_NOSIGNAL: report a lost connection
		 * instead of dying of SIGPIPE */
		sent = send(l->fd, line + done, n - done,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent >= 0) {
			done += (size_t)sent;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR) {
			l->os_errno = errno;
			/* There may still be replies to read. */
			link_fill(l);
			return SEND_FAILED;
		}
		if (poll(&p, 1, -1) > 0 && (p.revents & ~POLLOUT) &&
		    link_fill(l))
			return SEND_FAILED;
	}
	if (done < n)
		return SEND_FAILED;
	l->waiting++;
	return 0;
}

const char *link_line(struct ctl_link *l, size_t *n)
{
	char *newline, *line;

	if (l->seen >= l->len)
		return NULL;
	newline = memchr(l->buf + l->seen, '\n', l->len - l->seen);
	if (!newline) {
		l->seen = l->len;
		return NULL;
	}
	line = l->buf + l->start;
	*newline = 0;
	*n = (size_t)(newline - line);
	l->start = l->seen = (size_t)(newline + 1 - l->buf);
	return line;
}

int link_wait(struct ctl_link *l, int cancel)
{
	struct pollfd p[] = { { .fd = l->fd, .events = POLLIN },
			      { .fd = cancel, .events = POLLIN } };

	while (l->seen >= l->len ||
	       !memchr(l->buf + l->seen, '\n', l->len - l->seen)) {
		l->seen = l->len;
		if (l->closed)
			return -1;
		poll(p, 2, -1);
		if (p[1].revents)
			return 1;
		if (link_fill(l))
			return -1;
	}
	return 0;
}

enum reply_kind link_account(struct ctl_link *l, const char *line, size_t n)
{
	struct reply r;

	reply_classify(line, n, &r);
	if (r.kind == REPLY_EVENT)
		return r.kind;
	if (l->waiting)
		l->waiting--;
	l->quit_answered = r.kind == REPLY_OK && !l->waiting &&
			   strcmp(r.name, "quit") == 0;
	return r.kind;
}
