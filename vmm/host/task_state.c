// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/task_state.h"

/* Of a stack, in a message. */
#define FRAMES 6

struct task_files task_none(int why)
{
	return (struct task_files){
		.schedstat = -1, .stat = -1, .where = -1, .stack_errno = why
	};
}

int task_open(pid_t pid, pid_t tid, enum task_file which)
{
	static const char *const names[TASK_FILES] = {
		[TASK_SCHEDSTAT] = "schedstat",
		[TASK_STAT] = "stat",
		[TASK_WCHAN] = "wchan",
		[TASK_STACK] = "stack",
	};
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid,
		 names[which]);
	return open(path, O_RDONLY | O_CLOEXEC);
}

struct task_files task_take(const int fds[static TASK_FILES], int stack_errno)
{
	struct task_files f = { .schedstat = fds[TASK_SCHEDSTAT],
				.stat = fds[TASK_STAT],
				.stack_errno = stack_errno };
	int stack = fds[TASK_STACK], other;
	char c;

	/* Permission to open is not permission to read; the stack of a thread
	 * in user space is empty. */
	f.stack = stack >= 0 && pread(stack, &c, 1, 0) >= 0;
	if (!f.stack && stack >= 0)
		f.stack_errno = errno;
	f.where = f.stack ? stack : fds[TASK_WCHAN];
	other = f.stack ? fds[TASK_WCHAN] : stack;
	if (other >= 0)
		close(other);
	return f;
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
	/* The name is in brackets and may contain any character. */
	if (task_read(f->stat, buf, sizeof(buf))) {
		at = strrchr(buf, ')');
		if (at && at[1] == ' ')
			t.state = at[2];
	}
	return t;
}

/* Lines of the form "[<0>] func+0x10/0x20". */
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
		snprintf(where, sizeof(where), "user space, or unknown");
	else
		put_frames(text, where, sizeof(where));
	if (f->stack)
		snprintf(buf, len, "%c in %s", task_times(f).state, where);
	else
		snprintf(buf, len, "%c in %s (kernel stack not readable: %s)",
			 task_times(f).state, where,
			 strerrorname_np(f->stack_errno) ?: "empty");
}
