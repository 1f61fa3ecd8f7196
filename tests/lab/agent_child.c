// SPDX-License-Identifier: GPL-2.0-only
/* Start the commands that the lab's agent is told to run. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

static _Noreturn void run_child(char **argv, int in, int out, int err)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	if (!chdir(WORKDIR))
		execvp(argv[0], argv);
	dprintf(2, "lab: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* The words as execve() takes them, however many; free() is yours. */
static char **split_words(char *words, size_t len)
{
	char **argv;
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += !words[i];
	argv = calloc(n + 1, sizeof(*argv));
	if (!argv)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		argv[i] = words;
		words += strlen(words) + 1;
	}
	return argv;
}

static int start_child(char **argv, pid_t *pid, int fd[3])
{
	int p[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int r;

	for (int i = 0; i < 3; i++)
		if (pipe2(p[i], O_CLOEXEC))
			goto fail;
	*pid = fork();
	if (*pid < 0)
		goto fail;
	if (!*pid)
		run_child(argv, p[0][0], p[1][1], p[2][1]);
	fd[0] = p[0][1];
	fd[1] = p[1][0];
	fd[2] = p[2][0];
	close(p[0][0]);
	close(p[1][1]);
	close(p[2][1]);
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	return 0;
fail:
	r = errno;
	*pid = 0;
	for (int i = 0; i < 3; i++) {
		close(p[i][0]);
		close(p[i][1]);
	}
	return r;
}

int agent_start_child(char *words, size_t len, pid_t *pid, int fd[3])
{
	char **argv = split_words(words, len);
	int r;

	if (!argv)
		return ENOMEM;
	r = argv[0] ? start_child(argv, pid, fd) : EINVAL;
	free(argv);
	return r;
}
