// SPDX-License-Identifier: GPL-2.0-only
/* A scenario from its file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenario.h"

static char *read_all(int fd, size_t *n)
{
	/* One byte more than is allowed, so that more is seen to be. */
	char *buf = malloc(SCENARIO_MAX_BYTES + 1);
	ssize_t got = 1;

	for (*n = 0; buf && got > 0 && *n <= SCENARIO_MAX_BYTES;
	     *n += (size_t)got) {
		got = read(fd, buf + *n, SCENARIO_MAX_BYTES + 1 - *n);
		if (got < 0) {
			int en = errno;

			free(buf);
			errno = en;
			return NULL;
		}
	}
	return buf;
}

static int cannot(struct scenario_error *e, const char *what, int en)
{
	*e = (struct scenario_error){ 0 };
	snprintf(e->msg, sizeof(e->msg), "it cannot be %s: %s", what,
		 strerrordesc_np(en));
	return -1;
}

int scenario_load(struct scenario *s, const char *path, const char *name,
		  enum scenario_machine from, struct scenario_error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n;
	char *text;
	int r;

	*s = (struct scenario){ 0 };
	if (fd < 0)
		return cannot(e, "opened", errno);
	text = read_all(fd, &n);
	if (!text) {
		r = cannot(e, "read", errno);
		close(fd);
		return r;
	}
	close(fd);
	r = scenario_parse(s, path, name, text, n, from, e);
	free(text);
	return r;
}
