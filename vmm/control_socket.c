// SPDX-License-Identifier: GPL-2.0-only
/* Making the listening socket, and knowing who connects. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

static int address(const char *path, struct sockaddr_un *a, struct err *e)
{
	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	if (!*path)
		return err_usage(e, "--control needs a path");
	if (strlen(path) >= sizeof(a->sun_path))
		return err_range(
			e,
			"--control %s: %zu bytes are too long for a socket's path "
			"(%zu)",
			path, strlen(path), sizeof(a->sun_path) - 1);
	strcpy(a->sun_path, path);
	return 0;
}

/* Does somebody listen there? 1 yes, 0 no (stale), -1 cannot tell. */
static int probe_live(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -1;
	if (!connect(fd, (const struct sockaddr *)a, sizeof(*a)))
		r = 1;
	else /* EAGAIN: its queue is full, so it lives */
		r = errno == EAGAIN ? 1 : errno == ECONNREFUSED ? 0 : -1;
	close(fd);
	return r;
}

/* Make room at the path: nothing there, or the socket of a dead gpcvm. */
static int clear_path(const struct sockaddr_un *a, struct err *e)
{
	struct stat st;

	if (lstat(a->sun_path, &st))
		return errno == ENOENT
			       ? 0
			       : err_os(e, errno, "--control %s", a->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_state(
			e,
			"--control %s: there is something that is not a socket",
			a->sun_path);
	switch (probe_live(a)) {
	case 1:
		return err_state(
			e,
			"--control %s: another gpcvm listens there: end it (gpcvm "
			"ctl %s quit) or take another path",
			a->sun_path, a->sun_path);
	case 0:
		if (unlink(a->sun_path))
			return err_os(
				e, errno,
				"--control %s: removing the socket of a gpcvm "
				"that is gone",
				a->sun_path);
		return 0;
	default:
		return err_os(e, errno,
			      "--control %s: connecting to what is there",
			      a->sun_path);
	}
}

/* Two gpcvm that start at once must not both find the path free: the look and
 * the bind are one step under a lock of the directory. */
static int lock_dir(const char *path, struct err *e)
{
	char *copy = strdup(path);
	int fd = -1;

	if (copy)
		fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		err_os(e, copy ? errno : ENOMEM, "--control %s: its directory",
		       path);
	else
		flock(fd, LOCK_EX);
	free(copy);
	return fd;
}

static int bind_and_listen(int fd, const struct sockaddr_un *a, struct err *e)
{
	mode_t old = umask(0177); /* the socket is born with mode 0600 */
	int r = bind(fd, (const struct sockaddr *)a, sizeof(*a));
	int bind_errno = errno;

	umask(old);
	if (r)
		return err_os(e, bind_errno, "--control %s", a->sun_path);
	if (listen(fd, SOMAXCONN)) {
		r = err_os(e, errno, "--control %s: listen", a->sun_path);
		unlink(a->sun_path);
	}
	return r;
}

int socket_listen(const char *path, struct err *e)
{
	struct sockaddr_un a;
	int dir, fd = -1;

	if (address(path, &a, e))
		return -1;
	dir = lock_dir(path, e);
	if (dir < 0)
		return -1;
	if (!clear_path(&a, e)) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			    0);
		if (fd < 0) {
			err_os(e, errno, "socket");
		} else if (bind_and_listen(fd, &a, e)) {
			close(fd);
			fd = -1;
		}
	}
	close(dir); /* and with it the lock */
	return fd;
}

void socket_remove(const char *path, int fd)
{
	struct sockaddr_un a;
	struct stat st;
	struct err e;
	int dir;

	if (address(path, &a, &e))
		return;
	close(fd); /* from here on nobody answers at the path but another one */
	dir = lock_dir(path, &e);
	if (dir < 0)
		return;
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode) && !probe_live(&a) &&
	    unlink(path))
		complain("--control %s: removing it: %s", path,
			 strerrordesc_np(errno));
	close(dir);
}

int socket_check_peer(int fd, struct err *e)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return err_os(e, errno, "SO_PEERCRED");
	if (peer.uid && peer.uid != geteuid())
		return err_state(
			e,
			"uid %u may not control this gpcvm: it belongs to uid %u",
			peer.uid, geteuid());
	return 0;
}
