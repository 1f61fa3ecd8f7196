// SPDX-License-Identifier: GPL-2.0-only
/* Create the listening socket, and identify peers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "keeper/control_socket.h"
#include "keeper/socket_lock.h"

#define PUBLISH_TRIES 100

/* Build the address of @path; *@name is its last part. */
static int socket_address(const char *path, struct sockaddr_un *a,
			  const char **name, struct err *e)
{
	const char *slash = strrchr(path, '/');

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	if (!*path)
		return err_usage(e, "--control needs a path");
	if (strlen(path) >= sizeof(a->sun_path))
		return err_range(
			e,
			"--control %s: %zu bytes exceed the limit for a "
			"socket's path (%zu)",
			path, strlen(path), sizeof(a->sun_path) - 1);
	strcpy(a->sun_path, path);
	*name = slash ? slash + 1 : path;
	if (!**name)
		return err_usage(e, "--control %s: is a directory", path);
	return 0;
}

/* Does a process listen there? 1 yes, 0 no (stale), -1 unknown. */
static int probe_live(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -1;
	if (!connect(fd, (const struct sockaddr *)a, sizeof(*a)))
		r = 1;
	else /* EAGAIN: the queue is full, so it is alive */
		r = errno == EAGAIN ? 1 : errno == ECONNREFUSED ? 0 : -1;
	close(fd);
	return r;
}

/* Free the path: it may be absent, or the socket of a dead gpcvm. */
static int clear_path(const struct sockaddr_un *a, struct err *e)
{
	struct stat st;

	if (lstat(a->sun_path, &st))
		return errno == ENOENT
			       ? 0
			       : err_os(e, errno, "--control %s", a->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_state(e, "--control %s: exists and is not a socket",
				 a->sun_path);
	switch (probe_live(a)) {
	case 1:
		return err_state(
			e,
			"--control %s: another gpcvm listens there: end it "
			"(gpcvm ctl %s quit) or use another path",
			a->sun_path, a->sun_path);
	case 0:
		if (unlink(a->sun_path))
			return err_os(e, errno,
				      "--control %s: removing a stale socket",
				      a->sun_path);
		return 0;
	default:
		return err_os(e, errno,
			      "--control %s: connecting to the existing socket",
			      a->sun_path);
	}
}

/* O_PATH, because opening a directory for reading needs a permission that using
 * it does not. */
static int open_dir(const char *path, const char *name, struct err *e)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	size_t n = (size_t)(name - path);
	int fd;

	memcpy(copy, path, n);
	copy[n] = 0;
	fd = open(n ? copy : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_os(e, errno, "--control %s: its directory", path)
		      : fd;
}

/* Bind inside @lock, where nobody else can connect, and listen. */
static int bind_and_listen(const struct socket_lock *lock,
			   const struct sockaddr_un *at, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_os(e, errno, "--control %s: socket", at->sun_path);
	socket_lock_path(lock, at->sun_path, a.sun_path, sizeof(a.sun_path));
	/* unix(7): the file's mode is that of the socket less the umask. */
	if (fchmod(fd, 0600) ||
	    bind(fd, (const struct sockaddr *)&a, sizeof(a)) ||
	    listen(fd, SOMAXCONN)) {
		err_os(e, errno, "--control %s", at->sun_path);
		close(fd);
		return -1;
	}
	return fd;
}

/* Publish the listening socket under its name. link(2), unlike rename(2), never
 * replaces a file, and works on any file system with sockets. */
static int publish_socket(struct control_socket *s,
			  const struct socket_lock *lock,
			  const struct sockaddr_un *a, struct err *e)
{
	struct stat st;

	for (int try = 0; try < PUBLISH_TRIES; try++) {
		if (clear_path(a, e))
			return -1;
		if (!linkat(lock->fd, SOCKET_LOCK_ENTRY, s->dir, s->name, 0)) {
			if (fstatat(lock->fd, SOCKET_LOCK_ENTRY, &st, 0))
				return err_os(e, errno, "--control %s",
					      a->sun_path);
			s->dev = st.st_dev;
			s->ino = st.st_ino;
			return 0;
		}
		if (errno != EEXIST)
			return err_os(e, errno, "--control %s", a->sun_path);
	}
	return err_state(e,
			 "--control %s: other processes keep creating files "
			 "there",
			 a->sun_path);
}

static int listen_under_lock(struct control_socket *s,
			     const struct sockaddr_un *a, struct err *e)
{
	struct socket_lock lock;
	int r;

	if (socket_lock_take(&lock, s->dir, s->name, a->sun_path, e))
		return -1;
	s->fd = bind_and_listen(&lock, a, e);
	r = s->fd < 0 ? -1 : publish_socket(s, &lock, a, e);
	socket_lock_drop(&lock);
	return r;
}

int socket_listen(struct control_socket *s, const char *path, struct err *e)
{
	struct sockaddr_un a;
	mode_t old;
	int r;

	*s = (struct control_socket){ .fd = -1, .dir = -1, .path = path };
	if (socket_address(path, &a, &s->name, e))
		return -1;
	s->dir = open_dir(path, s->name, e);
	if (s->dir < 0)
		return -1;
	old = umask(0077); /* files get exactly the requested mode */
	r = listen_under_lock(s, &a, e);
	umask(old);
	if (!r)
		return 0;
	if (s->fd >= 0)
		close(s->fd);
	close(s->dir);
	s->fd = s->dir = -1;
	return -1;
}

/* Remove the path before the socket stops listening: no other gpcvm takes over
 * a path while somebody answers. The inode is not reused while the socket is
 * open. This needs no memory and no further file, so it works when either has
 * run out. */
int socket_remove(struct control_socket *s, struct err *e)
{
	struct stat st;
	bool there;
	int r = 0;

	if (s->dir < 0)
		return 0;
	there = !fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW);
	if (there && st.st_dev == s->dev && st.st_ino == s->ino &&
	    unlinkat(s->dir, s->name, 0))
		r = err_os(e, errno, "--control %s: removing it", s->path);
	else if (!there && errno != ENOENT)
		r = err_os(e, errno, "--control %s: may not have been removed",
			   s->path);
	close(s->fd);
	close(s->dir);
	s->fd = s->dir = -1;
	return r;
}

int socket_check_peer(int fd, uid_t starter, struct err *e)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return err_os(e, errno, "getsockopt of SO_PEERCRED");
	if (peer.uid && peer.uid != starter)
		return err_state(
			e,
			"uid %u may not control this gpcvm: it belongs to uid %u",
			peer.uid, starter);
	return 0;
}
