// SPDX-License-Identifier: GPL-2.0-only
/* Requests and replies, as a client of the control socket times them. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "client.h"

#define LIMIT_MS  30000 /* nothing that is asked here takes as long */
#define SEND_SIZE 16384UL

static const char ok[] = "{\"ok\":true,";

void client_open(struct client *c, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		fail("%s: longer than %zu bytes", path, sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path) + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)))
		fail("%s: cannot connect: %s", path, strerror(errno));
}

static void wait_for(const struct client *c, short events)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int r = poll(&p, 1, LIMIT_MS);

	if (r < 0 && errno != EINTR)
		fail("poll: %s", strerror(errno));
	if (!r)
		fail("no reply within %d ms", LIMIT_MS);
}

/* Blocking, or with @flags MSG_DONTWAIT: false if nothing is there. */
static bool fill(struct client *c, int flags)
{
	ssize_t n;

	if (c->at) {
		memmove(c->in, c->in + c->at, c->len - c->at);
		c->len -= c->at;
		c->at = 0;
	}
	if (c->len == sizeof(c->in))
		fail("a reply is longer than %zu bytes", sizeof(c->in));
	do {
		n = recv(c->fd, c->in + c->len, sizeof(c->in) - c->len, flags);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (n <= 0)
		fail("the connection ended: %s",
		     n ? strerror(errno) : "end of file");
	c->len += (size_t)n;
	return true;
}

/* The next line of what is there, without its end; NULL if it is not whole. */
static char *take(struct client *c)
{
	char *line = c->in + c->at;
	char *nl = memchr(line, '\n', c->len - c->at);

	if (!nl)
		return NULL;
	*nl = '\0';
	c->at = (size_t)(nl - c->in) + 1;
	return line;
}

static void check(const char *reply, const char *want)
{
	if (strncmp(reply, ok, sizeof(ok) - 1) != 0)
		fail("not ok: %s", reply);
	if (want && !strstr(reply, want))
		fail("no %s in %s", want, reply);
}

static const char *reply(struct client *c)
{
	const char *line;

	while (!(line = take(c)))
		fill(c, 0);
	return line;
}

static size_t put(struct client *c, const char *data, size_t len, int flags)
{
	ssize_t n;

	do {
		n = send(c->fd, data, len, flags | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n < 0)
		fail("send: %s", strerror(errno));
	return (size_t)n;
}

/* A copy of @lines, @nr of them, each with its end. */
static char *join(char **lines, int nr, size_t *len)
{
	char *s;

	*len = 0;
	for (int i = 0; i < nr; i++)
		*len += strlen(lines[i]) + 1;
	s = malloc(*len + 1);
	if (!s)
		fail("no memory for %zu bytes", *len);
	*len = 0;
	for (int i = 0; i < nr; i++)
		*len += (size_t)sprintf(s + *len, "%s\n", lines[i]);
	return s;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void tell(const char *mode, uint64_t *ns, unsigned int n)
{
	qsort(ns, n, sizeof(*ns), compare);
	printf("{\"mode\":\"%s\",\"n\":%u,\"median_ns\":%" PRIu64
	       ",\"p99_ns\":%" PRIu64 ",\"min_ns\":%" PRIu64
	       ",\"max_ns\":%" PRIu64 "}\n",
	       mode, n, ns[n / 2], ns[(uint64_t)n * 99 / 100], ns[0],
	       ns[n - 1]);
}

static uint64_t *samples(unsigned int n)
{
	uint64_t *ns = calloc(n, sizeof(*ns));

	if (!ns)
		fail("no memory for %u samples", n);
	return ns;
}

/* Send @text, which is @nr lines; -> ns until the last is answered. */
static uint64_t ask(struct client *c, const char *text, size_t len, int nr)
{
	uint64_t begin = now_ns(), end;
	const char *line;

	if (put(c, text, len, 0) != len)
		fail("%zu bytes do not go out in one piece", len);
	while (--nr)
		check(reply(c), NULL);
	line = reply(c);
	end = now_ns();
	check(line, c->want);
	return end - begin;
}

void client_roundtrip(struct client *c, unsigned int n, char **lines, int nr)
{
	uint64_t *ns = samples(n);
	size_t len, before_len;
	char *line = join(lines, 1, &len);
	char *before = join(lines + 1, nr - 1, &before_len);
	const char *want = c->want;

	for (unsigned int i = 0; i < n; i++) {
		c->want = NULL;
		if (before_len)
			ask(c, before, before_len, nr - 1);
		c->want = want;
		ns[i] = ask(c, line, len, 1);
	}
	tell("roundtrip", ns, n);
	free(before);
	free(line);
	free(ns);
}

void client_pair(struct client *c, unsigned int n, char **lines)
{
	uint64_t *ns = samples(n);
	size_t len;
	char *text = join(lines, 2, &len);

	for (unsigned int i = 0; i < n; i++)
		ns[i] = ask(c, text, len, 2);
	tell("pair", ns, n);
	free(text);
	free(ns);
}

/* A block of copies of @line, to send many with one call. */
static char *block_of(const char *line, size_t *line_len, size_t *len)
{
	size_t one = strlen(line) + 1;
	char *s = malloc(SEND_SIZE + 1);

	if (!s || one > SEND_SIZE)
		fail("no memory for lines of %zu bytes", one);
	*line_len = one;
	for (*len = 0; *len + one <= SEND_SIZE; *len += one)
		sprintf(s + *len, "%s\n", line);
	return s;
}

static unsigned int take_all(struct client *c)
{
	unsigned int got = 0;
	const char *line;

	while ((line = take(c))) {
		check(line, c->want);
		got++;
	}
	return got;
}

/* Sends and reads in one thread, and sleeps when it can do neither. */
void client_pipeline(struct client *c, unsigned int n, const char *line)
{
	size_t one, block_len, sent = 0, total;
	char *block = block_of(line, &one, &block_len);
	unsigned int got = 0;
	uint64_t begin = now_ns(), ns;

	total = one * n;
	while (got < n) {
		size_t at = sent % block_len, left = block_len - at, done = 0;
		bool came;

		if (left > total - sent)
			left = total - sent;
		if (left)
			done = put(c, block + at, left, MSG_DONTWAIT);
		sent += done;
		came = fill(c, MSG_DONTWAIT);
		got += take_all(c);
		if (!done && !came && got < n)
			wait_for(c, sent < total ? POLLIN | POLLOUT : POLLIN);
	}
	ns = now_ns() - begin;
	printf("{\"mode\":\"pipeline\",\"n\":%u,\"ns\":%" PRIu64
	       ",\"per_s\":%.0f}\n",
	       n, ns, n * 1e9 / (double)ns);
	free(block);
}
