// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "task_state.h"

/* Of a stack. */
#define FRAMES 6

static int task_file(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/thread-self/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

void task_open(struct task_files *f)
{
	char c;

	f->schedstat = task_file("schedstat");
	f->stat = task_file("stat");
	/* Only who opened it with CAP_SYS_ADMIN may read it (fs/proc/base.c,
	 * proc_pid_stack). */
	f->where = task_file("stack");
	f->stack = f->where >= 0 && pread(f->where, &c, 1, 0) == 1;
	if (f->stack)
		return;
	f->stack_errno = errno;
	if (f->where >= 0)
		close(f->where);
	f->where = task_file("wchan");
}

void task_close(struct task_files *f)
{
	const int fds[] = { f->schedstat, f->stat, f->where };

	for (unsigned int i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static bool task_read(int fd, char *buf, size_t len)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, buf, len - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

struct task_times task_times(const struct task_files *f)
{
	struct task_times t = { .state = '?' };
	char buf[512], *at;

	/* Documentation/scheduler/sched-stats.rst: /proc/<pid>/schedstat */
	if (task_read(f->schedstat, buf, sizeof(buf))) {
		t.ran = strtoull(buf, &at, 10);
		t.waited = strtoull(at, NULL, 10);
		t.there = true;
	}
	/* The name, in brackets, may have any character in it. */
	if (task_read(f->stat, buf, sizeof(buf))) {
		at = strrchr(buf, ')');
		if (at && at[1] == ' ')
			t.state = at[2];
	}
	return t;
}

/* "[<0>] func+0x10/0x20" a line. */
static size_t put_frames(char *text, char *buf, size_t len)
{
	char *line, *name;
	size_t n = 0;
	int frames = 0;

	while ((line = strsep(&text, "\n")) && *line && frames < FRAMES) {
		name = strstr(line, "] ");
		name = name ? name + 2 : line;
		n += (size_t)snprintf(buf + n, len - n, "%s%.*s",
				      frames++ ? " < " : "",
				      (int)strcspn(name, "+"), name);
		if (n >= len)
			return len - 1;
	}
	return n;
}

void task_where(const struct task_files *f, char *buf, size_t len)
{
	char text[1024], where[256] = "";

	if (!task_read(f->where, text, sizeof(text)) || !strcmp(text, "0"))
		snprintf(where, sizeof(where), "user space, or not known");
	else
		put_frames(text, where, sizeof(where));
	if (f->stack)
		snprintf(buf, len, "%c in %s", task_times(f).state, where);
	else
		snprintf(buf, len, "%c in %s (kernel stack not readable: %s)",
			 task_times(f).state, where,
			 strerrorname_np(f->stack_errno) ?: "empty");
}
