// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/out.h"
#include "base/units.h"

#define GUEST_SIZE	(256 * KIB)
#define MESSAGES_SIZE	(64 * KIB)
/* The output of one exit: KVM's buffer for port I/O is a page. */
#define EXIT_SIZE	(4 * KIB)
/* Writes to a pipe are atomic up to this size (POSIX: PIPE_BUF). */
#define CHUNK		4096
/* How long to gather characters before a write. */
#define GATHER_NS	NS_PER_MS
/* Limits of out_finish(). */
#define OUT_PATIENCE_NS (3 * NS_PER_SEC)
#define OUT_TOLD_NS	(NS_PER_SEC / 2) /* once told to end */
#define OUT_END_NS	(30 * NS_PER_SEC)
#define OUT_LOOK_NS	(20 * NS_PER_MS)
#define WRITER_STACK	(64 * KIB)

struct stream {
	int fd;
	pthread_mutex_t lock;
	pthread_cond_t more; /* for the writer */
	pthread_cond_t done; /* from the writer: something was written */
	char *ring;	     /* owned */
	size_t size, full;   /* out_full() from @full on */
	uint64_t put, taken; /* bytes, ever */
	uint64_t written;    /* writes, successful or not */
	uint64_t messages;   /* dropped and not yet reported */
	uint64_t lost;	     /* bytes of the guest's output, ever */
	_Atomic int error;   /* of a failed write */
	bool hurry;	     /* the end is near: stop gathering */
	bool end;	     /* accepts no more */
	bool begun;	     /* the thread exists: from the first byte on */
	pthread_t thread;
};

/* A process has one stdout and one stderr. */
static struct {
	struct stream streams[2];
	struct stream *guest,
		*messages; /* may be the same; NULL: not started */
	_Atomic bool begun;
} out;

static void *writer_main(void *arg);

/* ---- the buffer; the lock is held ---------------------------------------- */

/* Start the thread on first use: most machines print nothing, and start faster
 * without it. */
static bool writer_start(struct stream *s)
{
	pthread_attr_t attr;
	int r;

	if (s->begun)
		return true;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WRITER_STACK);
	r = pthread_create(&s->thread, &attr, writer_main, s);
	pthread_attr_destroy(&attr);
	if (r)
		s->error = r;
	s->begun = !r;
	return s->begun;
}

static size_t stream_left(const struct stream *s)
{
	return (size_t)(s->put - s->taken);
}

static bool stream_put(struct stream *s, const char *buf, size_t len)
{
	size_t at, part;

	if (s->end || len > s->size - stream_left(s) || !writer_start(s))
		return false;
	if (!stream_left(s)) /* start over: touch as little memory as needed */
		s->put = s->taken = 0;
	at = s->put % s->size;
	part = len < s->size - at ? len : s->size - at;
	memcpy(s->ring + at, buf, part);
	memcpy(s->ring, buf + part, len - part);
	s->put += len;
	/* Wake the writer if it sleeps (it was empty) or gathers (a chunk is
	 * full). */
	if (stream_left(s) == len || stream_left(s) >= CHUNK)
		pthread_cond_signal(&s->more);
	return true;
}

static size_t stream_take(struct stream *s, char *buf)
{
	size_t len = stream_left(s), at = s->taken % s->size, part;

	len = len < CHUNK ? len : CHUNK;
	part = len < s->size - at ? len : s->size - at;
	memcpy(buf, s->ring + at, part);
	memcpy(buf + part, s->ring, len - part);
	return len;
}

/* Report dropped messages as soon as the line fits. */
static void report_dropped(struct stream *s)
{
	uint64_t n = s->messages;
	char line[96];
	int len = snprintf(line, sizeof(line),
			   "gpcvm: %" PRIu64 " message%s dropped: nobody read "
			   "stderr\n",
			   n, n == 1 ? "" : "s");

	if (n && stream_put(s, line, (size_t)len))
		s->messages = 0;
}

/* ---- the writer thread --------------------------------------------------- */

/* Write it all, however long that takes. Returns 0 or an errno. */
static int write_all(int fd, const char *buf, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	while (len) {
		n = write(fd, buf, len);
		if (n >= 0) {
			buf += n;
			len -= (size_t)n;
		} else if (errno ==
			   EAGAIN) { /* O_NONBLOCK, set by somebody else */
			poll(&p, 1, -1);
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

static void stream_gather(struct stream *s)
{
	const struct timespec t = clock_at(now_ns() + GATHER_NS);

	while (!s->hurry && stream_left(s) < CHUNK &&
	       !pthread_cond_clockwait(&s->more, &s->lock, CLOCK_MONOTONIC, &t))
		;
}

/* Only this thread removes data from the buffer, and only once it is written:
 * an empty buffer means that all is written. */
static void *writer_main(void *arg)
{
	struct stream *s = arg;
	char buf[CHUNK];

	pthread_mutex_lock(&s->lock);
	while (!s->end) {
		size_t len;
		int error;

		if (!stream_left(s))
			report_dropped(s);
		if (!stream_left(s)) {
			pthread_cond_wait(&s->more, &s->lock);
			continue;
		}
		stream_gather(s);
		len = stream_take(s, buf);
		pthread_mutex_unlock(&s->lock);
		error = write_all(s->fd, buf, len);
		pthread_mutex_lock(&s->lock);
		if (error) {
			s->error = error;
			s->lost += len;
		}
		s->taken += len;
		s->written++;
		pthread_cond_signal(&s->done);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- start and end ------------------------------------------------------- */

static bool same_file(int a, int b)
{
	struct stat sa, sb;

	return !fstat(a, &sa) && !fstat(b, &sb) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

static int stream_init(struct stream *s, int fd, size_t full, size_t room)
{
	*s = (struct stream){ .fd = fd, .size = full + room, .full = full };
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->more, NULL);
	pthread_cond_init(&s->done, NULL);
	s->ring = malloc(s->size);
	return s->ring ? 0 : ENOMEM;
}

/* Stop accepting output. Returns the number of bytes left unwritten. */
static uint64_t stream_end(struct stream *s)
{
	uint64_t left;

	pthread_mutex_lock(&s->lock);
	s->end = true;
	left = stream_left(s);
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	if (left) /* it may block for ever, until the process exits */
		return left;
	if (s->begun)
		pthread_join(s->thread, NULL);
	free(s->ring);
	s->ring = NULL;
	return 0;
}

int out_start(unsigned int vcpus)
{
	bool same = same_file(STDOUT_FILENO, STDERR_FILENO);
	size_t room = MESSAGES_SIZE + vcpus * EXIT_SIZE;
	int r;

	if (out.begun)
		return 0;
	r = stream_init(&out.streams[0], STDOUT_FILENO, GUEST_SIZE, room);
	if (!r && !same) {
		r = stream_init(&out.streams[1], STDERR_FILENO, MESSAGES_SIZE,
				0);
		if (r)
			stream_end(&out.streams[0]);
	}
	out.guest = &out.streams[0];
	out.messages = &out.streams[!same];
	out.begun = !r;
	return r;
}

/* Has the writer anything left to write? */
static bool stream_waits(const struct stream *s)
{
	return s->begun && (stream_left(s) || s->messages);
}

/* Wait for a write, at most OUT_LOOK_NS. Returns whether anything is left. */
static bool stream_drain(struct stream *s, uint64_t *progress)
{
	const struct timespec t = clock_at(now_ns() + OUT_LOOK_NS);
	bool left;

	pthread_mutex_lock(&s->lock);
	s->hurry = true;
	pthread_cond_signal(&s->more);
	if (stream_waits(s))
		pthread_cond_clockwait(&s->done, &s->lock, CLOCK_MONOTONIC, &t);
	left = stream_waits(s);
	*progress += s->written;
	pthread_mutex_unlock(&s->lock);
	return left;
}

static bool told_to_end(void)
{
	const struct timespec none = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	return sigtimedwait(&set, NULL, &none) > 0;
}

static bool stream_pending(struct stream *s)
{
	bool r;

	pthread_mutex_lock(&s->lock);
	r = stream_waits(s);
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* Wait until both (@b may be NULL) are empty, or make no progress. */
static void drain_streams(struct stream *a, struct stream *b)
{
	uint64_t now = now_ns(), end = now + OUT_END_NS, moved = now;
	uint64_t progress, last = 0, patience = OUT_PATIENCE_NS;
	bool left = true;

	while (left && now < end && now < moved + patience) {
		progress = 0;
		left = stream_drain(a, &progress);
		if (b && stream_drain(b, &progress))
			left = true;
		now = now_ns();
		if (progress != last)
			moved = now;
		last = progress;
		/* Told to end: the reader may still be there, so allow a short
		 * while. */
		if (left && told_to_end())
			patience = OUT_TOLD_NS;
	}
}

void out_finish(void)
{
	struct stream *guest = out.guest, *messages = out.messages;
	char line[160];
	uint64_t lost;
	bool stuck;
	int n;

	if (!out.begun)
		return;
	drain_streams(guest, messages != guest ? messages : NULL);
	lost = stream_end(guest) + guest->lost;
	if (messages == guest)
		return;
	stuck = stream_pending(messages);
	if (lost) {
		n = snprintf(line, sizeof(line),
			     "gpcvm: lost %" PRIu64 " bytes of guest output: "
			     "%s\n",
			     lost,
			     guest->error ? strerrordesc_np(guest->error)
					  : "nobody reads stdout");
		out_message(line, (size_t)n);
		if (!stuck)
			drain_streams(messages, NULL);
	}
	stream_end(messages);
}

/* ---- for others ---------------------------------------------------------- */

void out_guest(const void *buf, size_t len)
{
	struct stream *s = out.guest;

	pthread_mutex_lock(&s->lock);
	if (!stream_put(s, buf, len))
		s->lost += len;
	pthread_mutex_unlock(&s->lock);
}

bool out_full(void)
{
	struct stream *s = out.guest;
	bool full;

	pthread_mutex_lock(&s->lock);
	full = !s->end && stream_left(s) >= s->full;
	pthread_mutex_unlock(&s->lock);
	return full;
}

int out_error(void)
{
	return out.guest->error;
}

bool out_message(const char *text, size_t len)
{
	struct stream *s;
	bool taken;

	if (!out.begun)
		return false;
	s = out.messages;
	pthread_mutex_lock(&s->lock);
	taken = writer_start(s);
	report_dropped(s);
	if (taken && (s->messages || !stream_put(s, text, len)))
		s->messages++;
	pthread_mutex_unlock(&s->lock);
	return taken;
}
