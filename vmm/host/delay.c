// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "host/delay.h"

const char *delay_name(enum delay d)
{
	static const char *const names[DELAYS] = {
		[DELAY_REFRESH] = "refresh",
		[DELAY_INVALIDATE] = "invalidate",
		[DELAY_UNMAP] = "unmap",
	};

	return names[d];
}

/*
 * Open e.g. "delay_refresh". The file is opened each time, as it can be read
 * only once (simple_attr_open() makes it a stream). The directory stays open;
 * the user who opened it owns it even without capabilities.
 */
static int open_file(const struct delays *d, const char *kind, enum delay which,
		     int flags, struct err *e)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "%s_%s", kind, delay_name(which));
	fd = openat(d->dir, name, flags | O_CLOEXEC);
	if (fd < 0)
		return err_os(e, errno, "%s in " DELAY_DIR, name);
	return fd;
}

static int read_delay(const struct delays *d, const char *kind,
		      enum delay which, uint32_t *out, struct err *e)
{
	int fd = open_file(d, kind, which, O_RDONLY, e);
	char text[32], *end;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0) {
		err_os(e, errno, "reading %s_%s", kind, delay_name(which));
		close(fd);
		return -1;
	}
	close(fd);
	text[n] = '\0';
	/* hit_* is an atomic_t and may have become negative. */
	*out = (uint32_t)strtoll(text, &end, 10);
	if (end != text && (*end == '\n' || !*end))
		return 0;
	return err_unsupported(e, "%s_%s in " DELAY_DIR " is not a number: %s",
			       kind, delay_name(which), text);
}

static int write_delay(const struct delays *d, enum delay which, uint32_t us,
		       struct err *e)
{
	int fd = open_file(d, "delay", which, O_WRONLY | O_TRUNC, e);
	char text[16];
	int n = snprintf(text, sizeof(text), "%u\n", us), r = 0;

	if (fd < 0)
		return -1;
	if (write(fd, text, (size_t)n) != n)
		r = err_os(e, errno, "writing %u to delay_%s", us,
			   delay_name(which));
	close(fd);
	return r;
}

static void not_there(struct delays *d, int err, const char *path)
{
	if (err == ENOENT)
		err_unsupported(&d->why,
				"this kernel has no test-only delays at %s: "
				"they require CONFIG_KVM_GPC_TEST (as in the "
				"lab's kernel reference) and a mounted debugfs",
				path);
	else
		err_set(&d->why, ERR_UNSUPPORTED, err,
			"cannot open the test-only delays at %s: start gpcvm "
			"as root",
			path);
}

void delays_open(struct delays *d, const char *path)
{
	uint32_t us;

	memset(d, 0, sizeof(*d));
	d->lock = -1;
	d->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (d->dir < 0)
		not_there(d, errno, path);
	for (enum delay i = 0; i < DELAYS && d->dir >= 0; i++) {
		if (!read_delay(d, "delay", i, &us, &d->why) &&
		    !read_delay(d, "hit", i, &d->hits[i], &d->why))
			continue;
		if (d->why.kind == ERR_OS)
			not_there(d, d->why.os_errno, path);
		close(d->dir);
		d->dir = -1;
	}
}

int delays_close(struct delays *d, struct err *e)
{
	int r = 0;

	for (enum delay i = 0; i < DELAYS && d->lock >= 0; i++)
		if (write_delay(d, i, d->before[i], e))
			r = -1;
	if (d->lock >= 0)
		close(d->lock);
	if (d->dir >= 0)
		close(d->dir);
	d->lock = d->dir = -1;
	return r;
}

int delays_check(const struct delays *d, struct err *e)
{
	if (d->dir >= 0)
		return 0;
	*e = d->why;
	return -1;
}

/* Only one process may set delays: there is one set for the whole kernel, and
 * the last of two processes to end would restore the values of the other. */
static int take_lock(struct delays *d, struct err *e)
{
	int fd;

	if (d->lock >= 0)
		return 0;
	fd = open_file(d, "delay", 0, O_RDONLY, e);
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno == EWOULDBLOCK)
			err_state(e, "another gpcvm has set delays and owns "
				     "them until it ends");
		else
			err_os(e, errno, "flock of delay_%s", delay_name(0));
		close(fd);
		return -1;
	}
	for (enum delay i = 0; i < DELAYS; i++) {
		if (read_delay(d, "delay", i, &d->before[i], e)) {
			close(fd);
			return -1;
		}
	}
	d->lock = fd;
	return 0;
}

int delays_set(struct delays *d, enum delay which, uint32_t us, struct err *e)
{
	if (delays_check(d, e) || take_lock(d, e) ||
	    write_delay(d, which, us, e))
		return -1;
	return read_delay(d, "hit", which, &d->hits[which], e);
}

int delays_take(struct delays *d, const uint32_t us[static DELAYS],
		struct err *e)
{
	if (delays_check(d, e) || take_lock(d, e))
		return -1;
	memcpy(d->before, us, sizeof(d->before));
	return 0;
}

int delays_get(const struct delays *d, enum delay which, uint32_t *us,
	       uint32_t *hits, struct err *e)
{
	uint32_t all;

	if (delays_check(d, e) || read_delay(d, "delay", which, us, e) ||
	    read_delay(d, "hit", which, &all, e))
		return -1;
	*hits = all - d->hits[which];
	return 0;
}
