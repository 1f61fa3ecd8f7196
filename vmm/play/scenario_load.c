// SPDX-License-Identifier: GPL-2.0-only
/* Read a scenario from its file. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "play/scenario.h"

#define WRITER_MS 5000 /* for a writer to open a FIFO */

/* Wait for text. A FIFO may have no writer yet: wait for one for WRITER_MS, and then
 * for its text without limit. Returns false if there is no more. */
static bool wait_for_text(int fd, bool no_writer)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct stat st;

	if (!no_writer)
		return poll(&p, 1, -1) > 0;
	if (fstat(fd, &st) || !S_ISFIFO(st.st_mode))
		return false;
	if (!poll(&p, 1, WRITER_MS))
		errno = ENXIO;
	return p.revents & POLLIN;
}

static char *read_text(int fd, size_t *n)
{
	/* One byte more than allowed, to detect a text that is too long. */
	char *buf;
	ssize_t got = 1;

	*n = 0;
	errno = 0;
	buf = malloc(SCENARIO_MAX_BYTES + 1);
	while (buf && *n <= SCENARIO_MAX_BYTES) {
		got = read(fd, buf + *n, SCENARIO_MAX_BYTES + 1 - *n);
		if (got > 0)
			*n += (size_t)got;
		else if (got < 0 && errno == EINTR)
			continue;
		else if (got < 0 ? errno != EAGAIN : *n)
			break;
		else if (!wait_for_text(fd, !got))
			break;
	}
	if (buf && errno && (got < 0 || !*n)) {
		int en = errno;

		free(buf);
		errno = en;
		return NULL;
	}
	return buf;
}

static int load_fail(struct scenario_error *e, const char *what, int en)
{
	*e = (struct scenario_error){ 0 };
	snprintf(e->msg, sizeof(e->msg), "cannot be %s: %s", what,
		 en == ENXIO ? "no process writes to this FIFO"
			     : strerrordesc_np(en));
	return -1;
}

int scenario_load(struct scenario *s, const struct scenario_source *from,
		  struct scenario_error *e)
{
	/* Without O_NONBLOCK a FIFO waits for a writer, a modem line for a call. */
	int fd = open(from->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t n;
	char *text;
	int r;

	*s = (struct scenario){ 0 };
	if (fd < 0)
		return load_fail(e, "opened", errno);
	text = read_text(fd, &n);
	if (!text) {
		r = load_fail(e, "read", errno);
		close(fd);
		return r;
	}
	close(fd);
	r = scenario_parse(s, from, text, n, e);
	free(text);
	return r;
}
