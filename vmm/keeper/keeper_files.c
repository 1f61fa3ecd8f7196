// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recordings, in the keeper. A compromised machine may request any name, so a
 * file is only created directly in one of the directories given on the command
 * line, not below them (with --control /run/x, /run/systemd/system would be
 * below), and never replaces another file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "keeper/keeper.h"

const char *keeper_dir_of(const char *path, char dir[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(dir, PATH_MAX, "%.*s", slash ? (int)(slash - path) + 1 : 1,
		 slash ? path : ".");
	return dir;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int open_parent(const char *path)
{
	char dir[PATH_MAX];

	return open(keeper_dir_of(path, dir), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void keeper_files_open(struct keeper_files *f, const struct config *cfg)
{
	f->dir = -1;
	f->os_errno = EACCES;
	f->dirs[0] = open_parent(cfg->control);
	if (f->dirs[0] < 0)
		f->os_errno = errno;
	f->dirs[1] = cfg->record_dir ? open(cfg->record_dir,
					    O_PATH | O_DIRECTORY | O_CLOEXEC)
				     : -1;
	if (cfg->record_dir && f->dirs[1] < 0)
		f->os_errno = errno;
}

/* Returns 0 or an errno. */
static int check_allowed(const struct keeper_files *f, int dir)
{
	int r = f->os_errno;
	struct stat a, b;

	if (fstat(dir, &a))
		return errno;
	for (unsigned int i = 0; i < KEEPER_DIRS; i++) {
		if (f->dirs[i] < 0)
			continue;
		if (fstat(f->dirs[i], &b))
			r = errno;
		else if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return 0;
	}
	return r;
}

/* Create the file; it has a temporary name until it is complete. */
static int make_part(struct keeper_files *f, struct err *e)
{
	const char *name = name_of(f->path);
	int n, fd, r = check_allowed(f, f->dir);

	if (r)
		return err_os(e, r,
			      "%.256s: recordings must be in the directory of "
			      "the control socket, or of gpcvm run "
			      "--record-dir DIR",
			      f->path);
	/* AT_SYMLINK_NOFOLLOW: a dangling link exists, too. */
	if (!faccessat(f->dir, name, F_OK, AT_SYMLINK_NOFOLLOW))
		return err_state(e, "%.256s already exists", f->path);
	n = snprintf(f->part, sizeof(f->part), "%.255s.%d.part", name,
		     (int)getpid());
	if ((size_t)n >= sizeof(f->part))
		return err_os(e, ENAMETOOLONG, "%.256s", f->path);
	fd = openat(f->dir, f->part,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? err_os(e, errno, "%.256s.%d.part", f->path,
			       (int)getpid())
		      : fd;
}

int keeper_files_make(struct keeper_files *f, const char *path, struct err *e)
{
	int fd;

	if (f->dir >= 0)
		return err_state(e, "%.256s: another recording is in progress",
				 path);
	snprintf(f->path, sizeof(f->path), "%s", path);
	f->dir = open_parent(path);
	if (f->dir < 0)
		return err_os(e, errno, "%.256s", path);
	fd = make_part(f, e);
	if (fd >= 0)
		return fd;
	close(f->dir);
	f->dir = -1;
	return -1;
}

/* Give it its name, unless that exists by now. Returns 0 or an errno. */
static int give_name(const struct keeper_files *f)
{
	const char *name = name_of(f->path);

	if (!renameat2(f->dir, f->part, f->dir, name, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	/* For a file system without RENAME_NOREPLACE. */
	return linkat(f->dir, f->part, f->dir, name, 0) ? errno : 0;
}

int keeper_files_end(struct keeper_files *f, bool keep, struct err *e)
{
	int r;

	if (f->dir < 0)
		return err_state(e, "no recording is in progress");
	r = keep ? give_name(f) : 0;
	unlinkat(f->dir, f->part, 0);
	close(f->dir);
	f->dir = -1;
	return r ? err_os(e, r, "writing %.256s", f->path) : 0;
}
