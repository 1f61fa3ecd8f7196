// SPDX-License-Identifier: GPL-2.0-only
/*
 * stopwatch MARK SIZE COMMAND...: how long it takes from the start of COMMAND to the
 * moment when MARK is in its output, and what memory it has then. Prints "start",
 * "mark", and "ns N rss N guest N", and kills COMMAND. ns is of CLOCK_MONOTONIC;
 * rss and guest are bytes that are resident: of all, and of the mappings of SIZE
 * bytes and more, which is where a guest's memory is.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX 65536

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static pid_t start(char **argv, int *out)
{
	int fd[2];
	pid_t pid;

	if (pipe(fd))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		close(fd[1]);
		execvp(argv[0], argv);
		fprintf(stderr, "stopwatch: %s: %s\n", argv[0],
			strerrordesc_np(errno));
		_exit(127);
	}
	close(fd[1]);
	*out = fd[0];
	return pid;
}

/* 0 once @mark is there, -1 if the output ends before. */
static int await(int fd, const char *mark)
{
	static char seen[OUTPUT_MAX];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(seen) &&
	       (n = read(fd, seen + len, sizeof(seen) - len)) > 0) {
		len += (size_t)n;
		if (memmem(seen, len, mark, strlen(mark)))
			return 0;
	}
	fprintf(stderr, "stopwatch: no \"%s\" in its output:\n%.*s\n", mark,
		(int)len, seen);
	return -1;
}

/* Documentation/filesystems/proc.rst, "smaps": "FROM-TO ..." and, of that mapping,
 * "Rss: N kB". */
static int resident(pid_t pid, uint64_t large, uint64_t *rss, uint64_t *guest)
{
	char line[512], path[64], *end;
	uint64_t from, size = 0, bytes;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	*rss = *guest = 0;
	while (fgets(line, sizeof(line), f)) {
		from = strtoull(line, &end, 16);
		if (end != line && *end == '-')
			size = strtoull(end + 1, NULL, 16) - from;
		if (strncmp(line, "Rss:", 4) != 0)
			continue;
		bytes = strtoull(line + 4, NULL, 10) << 10;
		*rss += bytes;
		*guest += size >= large ? bytes : 0;
	}
	fclose(f);
	return 0;
}

static int measure(const char *mark, uint64_t large, char **argv)
{
	int64_t ns = now();
	uint64_t rss, guest;
	int fd, r;
	pid_t pid = start(argv, &fd);

	if (pid < 0) {
		perror("stopwatch");
		return 1;
	}
	r = await(fd, mark);
	ns = now() - ns;
	if (!r)
		puts("mark");
	if (!r && resident(pid, large, &rss, &guest)) {
		perror("stopwatch: smaps");
		r = -1;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	if (r)
		return 1;
	printf("ns %" PRId64 " rss %" PRIu64 " guest %" PRIu64 "\n", ns, rss,
	       guest);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t large = argc > 3 ? strtoull(argv[2], NULL, 0) : 0;

	if (!large) {
		fprintf(stderr,
			"usage: stopwatch MARK SIZE COMMAND [ARG]...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("start");
	return measure(argv[1], large, argv + 3);
}
