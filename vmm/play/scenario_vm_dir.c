// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "play/scenario_vm.h"
#include "play/scenario_vm_dir.h"

#define NAME_TRIES   100
#define REMOVE_TRIES 50 /* one fails when a machine creates a file meanwhile */
#define REMOVE_MS    20

/* Recursively: a machine that was killed may have left more than its socket. */
static int remove_tree(const char *path)
{
	char *const roots[] = { (char *)path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const FTSENT *f;

	while (fts && (f = fts_read(fts)))
		if (f->fts_info == FTS_DP)
			rmdir(f->fts_path);
		else if (f->fts_info != FTS_D)
			unlink(f->fts_path);
	if (fts)
		fts_close(fts);
	return access(path, F_OK) ? 0 : -1;
}

static void end_machine(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd < 0)
		return;
	syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
	if (TEMP_FAILURE_RETRY(poll(&p, 1, VM_TERM_MS)))
		return;
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	poll(&p, 1, VM_TERM_MS);
}

/* The remover. It runs in a session of its own, so that a signal to the player's
 * process group spares it, and closes the player's files, so that no reader waits
 * for it. Exits with an errno if it cannot start. */
static _Noreturn void run_remover(const char *path, int fd)
{
	int null = open("/dev/null", O_RDWR), pidfd = -1;
	pid_t machine;

	setsid();
	if (null < 0 || dup2(null, 0) || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0 || dup2(fd, 3) < 0)
		_exit(errno);
	close_range(4, ~0U, 0);
	if (write(3, "", 1) != 1)
		_exit(errno);
	while (TEMP_FAILURE_RETRY(read(3, &machine, sizeof(machine))) ==
	       sizeof(machine))
		pidfd = (int)syscall(SYS_pidfd_open, machine, 0);
	end_machine(pidfd);
	for (int i = 0; i < REMOVE_TRIES && remove_tree(path); i++)
		poll(NULL, 0, REMOVE_MS);
	_exit(0);
}

static int wait_remover(struct vm_dir *d)
{
	int st = 0;

	while (d->remover > 0 && waitpid(d->remover, &st, 0) < 0 &&
	       errno == EINTR)
		;
	d->remover = 0;
	return WIFEXITED(st) ? WEXITSTATUS(st) : ECHILD;
}

static int choose_path(struct vm_dir *d, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	uint32_t random = 0;
	int n;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = (uint32_t)getpid();
	n = snprintf(d->path, sizeof(d->path), "%s/gpcvm-play-%08x",
		     tmp && *tmp ? tmp : "/tmp", random);
	if ((size_t)n < sizeof(d->path))
		return 0;
	d->path[0] = 0;
	return err_range(e,
			 "TMPDIR=%.80s: too long for a socket's path: use a "
			 "shorter one",
			 tmp);
}

/* Start the remover, wait until it has left our process group, and then make the
 * directory: at no moment could the directory be left behind. */
static int try_make_dir(struct vm_dir *d, struct err *e)
{
	int fds[2], r;
	char ready;

	if (choose_path(d, e))
		return -1;
	if (!access(d->path, F_OK))
		return err_os(e, EEXIST, "%s", d->path);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return err_os(e, errno, "socketpair");
	d->remover = fork();
	if (!d->remover)
		run_remover(d->path, fds[1]);
	close(fds[1]);
	d->fd = fds[0];
	if (d->remover < 0)
		return err_os(e, errno, "fork");
	if (TEMP_FAILURE_RETRY(read(d->fd, &ready, 1)) != 1) {
		close(d->fd); /* or the remover would wait for us */
		d->fd = -1;
		return err_os(e, wait_remover(d),
			      "the process that removes %s exited", d->path);
	}
	r = mkdir(d->path, 0700);
	return r ? err_os(e, errno, "a directory for the control socket, %s",
			  d->path)
		 : 0;
}

int vm_dir_make(struct vm_dir *d, struct err *e)
{
	fflush(NULL);
	for (int i = 0; i < NAME_TRIES; i++) {
		*d = (struct vm_dir){ .fd = -1 };
		if (!try_make_dir(d, e))
			return 0;
		vm_dir_remove(d);
		if (e->os_errno != EEXIST)
			break;
		*e = (struct err){ 0 };
	}
	return -1;
}

void vm_dir_machine(struct vm_dir *d, pid_t machine)
{
	if (d->fd >= 0 && write(d->fd, &machine, sizeof(machine)) < 0)
		return; /* it was killed; the machine has PR_SET_PDEATHSIG */
}

void vm_dir_remove(struct vm_dir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	wait_remover(d);
	if (d->path[0])
		remove_tree(d->path); /* in case the remover was killed */
	*d = (struct vm_dir){ .fd = -1 };
}
