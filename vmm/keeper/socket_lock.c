// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "keeper/socket_lock.h"

#define WAIT_S	 5 /* another gpcvm holds it for less than a millisecond */
#define RETRY_MS 10

/* Is a signal to end pending? run.c blocks them until the machine runs. */
static bool end_is_pending(void)
{
	sigset_t set;

	return !sigpending(&set) &&
	       (sigismember(&set, SIGTERM) || sigismember(&set, SIGINT) ||
		sigismember(&set, SIGHUP));
}

/* Refuse a lock of another user, who could hold it for ever. */
static int check_owner(const struct socket_lock *l, const char *path,
		       const struct stat *st, struct err *e)
{
	if (st->st_uid == geteuid() && !(st->st_mode & 077))
		return 0;
	return err_state(
		e,
		"--control %s: %s is in the way: it is not a lock of uid %u: "
		"remove it or use another path",
		path, l->name, geteuid());
}

/* Fail because of errno: @l, which is not locked yet, cannot be used. */
static int lock_failed(const struct socket_lock *l, bool made, const char *path,
		       struct err *e)
{
	int en = errno;

	if (made)
		unlinkat(l->dir, l->name, AT_REMOVEDIR);
	return err_os(e, en, "--control %s: its lock %s", path, l->name);
}

/* Try to lock: 0 locked, 1 not yet. Another gpcvm may remove the directory
 * between any two steps. */
static int try_lock(struct socket_lock *l, const char *path, struct err *e)
{
	const bool made = !mkdirat(l->dir, l->name, 0700);
	struct stat st, now;

	if (!made && errno != EEXIST)
		return lock_failed(l, made, path, e);
	l->fd = openat(l->dir, l->name,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (l->fd < 0 && errno == ENOENT)
		return 1;
	if (l->fd < 0 && !made)
		return err_os(e, errno, "--control %s: %s is in the way", path,
			      l->name);
	if (l->fd < 0 || fstat(l->fd, &st))
		return lock_failed(l, made, path, e);
	if (check_owner(l, path, &st, e))
		return -1;
	/* Carry on without a lock if the file system cannot lock directories
	 * (NFS). */
	if (flock(l->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		return 1;
	return fstatat(l->dir, l->name, &now, AT_SYMLINK_NOFOLLOW) ||
	       now.st_dev != st.st_dev || now.st_ino != st.st_ino;
}

int socket_lock_take(struct socket_lock *l, int dir, const char *name,
		     const char *path, struct err *e)
{
	uint64_t until = now_ns() + WAIT_S * NS_PER_SEC;
	int r;

	l->dir = dir;
	snprintf(l->name, sizeof(l->name), "%s" SOCKET_LOCK_SUFFIX, name);
	for (;;) {
		l->fd = -1;
		r = try_lock(l, path, e);
		if (!r) {
			/* Left by a gpcvm that was killed. */
			unlinkat(l->fd, SOCKET_LOCK_ENTRY, 0);
			return 0;
		}
		if (l->fd >= 0)
			close(l->fd);
		if (r < 0)
			return -1;
		if (end_is_pending())
			return err_state(e,
					 "--control %s: cancelled by a signal "
					 "while waiting for the lock %s",
					 path, l->name);
		if (now_ns() >= until)
			return err_state(
				e,
				"--control %s: another process holds the lock "
				"%s: end it or use another path",
				path, l->name);
		poll(NULL, 0, RETRY_MS);
	}
}

void socket_lock_drop(struct socket_lock *l)
{
	unlinkat(l->fd, SOCKET_LOCK_ENTRY, 0);
	if (unlinkat(l->dir, l->name, AT_REMOVEDIR))
		warn("removing %s: %s", l->name, strerrordesc_np(errno));
	close(l->fd);
}

void socket_lock_path(const struct socket_lock *l, const char *path, char *to,
		      size_t size)
{
	int n = snprintf(to, size, "%s" SOCKET_LOCK_SUFFIX "/%s", path,
			 SOCKET_LOCK_ENTRY);

	if (n < 0 || (size_t)n >= size)
		snprintf(to, size, "/proc/self/fd/%d/%s", l->fd,
			 SOCKET_LOCK_ENTRY);
}
