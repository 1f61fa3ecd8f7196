// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/history.h"

/* A longer file is rewritten with the lines that are remembered. */
#define MAX_LINES ((size_t)4 * LINEEDIT_HISTORY)

static void history_fail(struct history *h)
{
	warn("%s: %s; lines are remembered for this session only", h->path,
	     strerror(errno));
	h->path[0] = 0;
}

static bool find_path(struct history *h)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int n = -1;

	/* Ignore a relative path (XDG Base Directory Specification). */
	if (state && *state == '/')
		n = snprintf(h->path, sizeof(h->path), "%s/gpcvm/history",
			     state);
	else if (home && *home == '/')
		n = snprintf(h->path, sizeof(h->path),
			     "%s/.local/state/gpcvm/history", home);
	if (n < 0 || (size_t)n >= sizeof(h->path))
		h->path[0] = 0;
	return h->path[0];
}

/* Opening the file reports errors. */
static void make_directories(struct history *h)
{
	for (char *p = h->path + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		mkdir(h->path, 0700);
	}
}

/* O_NONBLOCK: a FIFO must not stop the prompt. */
static FILE *history_open(const char *path, int flags, const char *mode)
{
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC, 0600);

	return fd < 0 ? NULL : fdopen(fd, mode);
}

static void history_shorten(struct history *h, const struct lineedit *le)
{
	char path[PATH_MAX + 8];
	FILE *f;

	snprintf(path, sizeof(path), "%s.new", h->path);
	f = history_open(path, O_WRONLY | O_CREAT | O_TRUNC, "w");
	for (size_t i = 0; f && i < le->nr; i++)
		fprintf(f, "%s\n", le->history[i]);
	if (!f || fclose(f) || rename(path, h->path))
		history_fail(h);
}

void history_load(struct history *h, struct lineedit *le)
{
	size_t lines = 0, size = 0;
	char *line = NULL;
	ssize_t n;
	FILE *f;

	if (!find_path(h))
		return;
	f = history_open(h->path, O_RDONLY, "r");
	if (!f) {
		if (errno != ENOENT)
			history_fail(h);
		return;
	}
	while ((n = getline(&line, &size, f)) > 0) {
		n -= line[n - 1] == '\n';
		lines++;
		/* The content is untrusted. */
		if ((size_t)n < sizeof(le->buf) &&
		    utf8_harmless(line, (size_t)n))
			lineedit_remember(le, line, (size_t)n);
	}
	if (ferror(f))
		history_fail(h);
	else if (lines > MAX_LINES)
		history_shorten(h, le);
	free(line);
	fclose(f);
}

void history_append(struct history *h, const char *line)
{
	FILE *f;

	if (!h->path[0])
		return;
	make_directories(h);
	f = history_open(h->path, O_WRONLY | O_CREAT | O_APPEND, "a");
	if (!f) {
		history_fail(h);
		return;
	}
	fprintf(f, "%s\n", line); /* one write: other prompts append as well */
	if (fclose(f))
		history_fail(h);
}
