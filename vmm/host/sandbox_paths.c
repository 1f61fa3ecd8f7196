// SPDX-License-Identifier: GPL-2.0-only
/* Landlock (Documentation/userspace-api/landlock.rst). */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "host/sandbox.h"

/* include/uapi/linux/landlock.h of 6.13; headers may be older. */
#define FS_READ	      (1U << 2 | 1U << 3) /* files, directories */
#define FS_WRITE_FILE (1U << 1)
#define FS_REMOVE     (1U << 4 | 1U << 5) /* directories, files */
#define FS_MAKE_DIR   (1U << 7)
#define FS_MAKE_REG   (1U << 8)
#define FS_MAKE_SOCK  (1U << 9)
#define FS_REFER      (1U << 13)
#define FS_TRUNCATE   (1U << 14)
#define FS_IOCTL_DEV  (1U << 15)
#define OF_A_FILE     (1U << 2 | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct rules {
	uint64_t fs, net, scoped;
};

/* Return all rights that @abi can deny: the first has 13 for files; later
 * ones add refer, truncate, TCP, ioctl of devices, and abstract sockets and
 * signals. */
static struct rules all_of(int abi)
{
	const unsigned int rights = abi >= 5   ? 16
				    : abi >= 3 ? 15
				    : abi == 2 ? 14
					       : 13;

	return (struct rules){
		.fs = (UINT64_C(1) << rights) - 1,
		.net = abi >= 4 ? 3 : 0,
		.scoped = abi >= 6 ? 3 : 0,
	};
}

static size_t size_for(int abi)
{
	return abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
}

static int allow_path(int ruleset, uint64_t known, const struct sandbox_path *p)
{
	struct landlock_path_beneath_attr a = {
		.allowed_access = FS_READ | FS_IOCTL_DEV,
		.parent_fd = open(p->path, O_PATH | O_CLOEXEC),
	};
	long r;

	if (a.parent_fd < 0)
		return 0; /* a missing file cannot be used anyway */
	if (p->write)
		a.allowed_access |= FS_WRITE_FILE | FS_TRUNCATE;
	if (p->write && p->dir)
		a.allowed_access |= FS_REMOVE | FS_MAKE_DIR | FS_MAKE_REG |
				    FS_MAKE_SOCK | FS_REFER;
	if (!p->dir)
		a.allowed_access &= OF_A_FILE;
	a.allowed_access &= known;
	r = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		    &a, 0);
	close(a.parent_fd);
	return r ? -errno : 0;
}

int sandbox_paths(const struct sandbox_path *paths, unsigned int nr)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
			   LANDLOCK_CREATE_RULESET_VERSION);
	struct rules all;
	int fd, r = 0;

	if (abi < 0)
		return -errno;
	all = all_of((int)abi);
	fd = (int)syscall(SYS_landlock_create_ruleset, &all, size_for((int)abi),
			  0);
	if (fd < 0)
		return -errno;
	for (unsigned int i = 0; i < nr && !r; i++)
		if (paths[i].path)
			r = allow_path(fd, all.fs, &paths[i]);
	if (!r && syscall(SYS_landlock_restrict_self, fd, 0))
		r = -errno;
	close(fd);
	return r ? r : (int)abi;
}
