// SPDX-License-Identifier: GPL-2.0-only
/* How long a command takes, from its exec on. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

/*
 * The child's end: stdout goes to @pipe or, without one, where stderr goes.
 * The time is taken here, so that the cost of fork() is not in it, and handed
 * over in shared memory, so that the parent sleeps meanwhile.
 */
static _Noreturn void child(char **argv, const int *fds, uint64_t *begin)
{
	if (dup2(fds ? fds[1] : STDERR_FILENO, STDOUT_FILENO) < 0)
		fail("dup2: %s", strerror(errno));
	*begin = now_ns();
	execvp(argv[0], argv);
	fail("%s: %s", argv[0], strerror(errno));
}

/* When the first line was whole, 0 if none came; reads on to the end, so that
 * the command is not stopped by a full pipe. */
static uint64_t read_line(int fd, char *line, size_t size)
{
	uint64_t at = 0;
	size_t len = 0;
	char rest[4096];
	ssize_t n;

	for (;;) {
		char *to = at ? rest : line + len;

		n = read(fd, to, at ? sizeof(rest) : size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return at;
		if (at)
			continue;
		len += (size_t)n;
		line[len] = '\0';
		if (strchr(line, '\n'))
			at = now_ns();
		else if (len == size - 1)
			fail("the first line is longer than %zu bytes", len);
	}
}

int client_time(char **argv, bool first_line)
{
	uint64_t *begin = mmap(NULL, sizeof(*begin), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t line_at = 0, end;
	char line[4096] = "null\n";
	int fds[2], status;
	pid_t pid;

	if (begin == MAP_FAILED || (first_line && pipe2(fds, O_CLOEXEC)))
		fail("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (!pid)
		child(argv, first_line ? fds : NULL, begin);
	if (first_line) {
		close(fds[1]);
		line_at = read_line(fds[0], line, sizeof(line));
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			fail("waitpid: %s", strerror(errno));
	end = now_ns();
	if (first_line && !line_at)
		fail("%s: no line on stdout, status 0x%x", argv[0], status);
	line[strcspn(line, "\n")] = '\0';
	printf("{\"begin\":%" PRIu64 ",\"line_ns\":%" PRIu64
	       ",\"end_ns\":%" PRIu64 ",\"status\":%d,\"line\":%s}\n",
	       *begin, line_at ? line_at - *begin : 0, end - *begin,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
	       *line ? line
		     : "null"); /* a program that is timed so prints JSON */
	return 0;
}
