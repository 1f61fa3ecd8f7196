// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"
#include "play/teardown.h"

#define MAX_CPUS 8192
#define COUNTS	 5 /* before; the highest one counts */

/* ---- the counters ------------------------------------------------------- */

static bool read_counters(const char *proc, long *unevictable, long *mlocked)
{
	FILE *f = proc_open(proc, "vmstat");
	unsigned int found = 0;
	char line[128];

	if (f)
		errno = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (proc_number(line, "nr_unevictable", unevictable))
			found |= 1;
		else if (proc_number(line, "nr_mlock", mlocked))
			found |= 2;
	}
	if (f)
		fclose(f);
	return found == 3;
}

/* mlock() drains the folio batches of the CPU it runs on
 * (mm/mlock.c, mlock_vma_pages_range()). */
static void drain_this_cpu(void)
{
	void *p = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	/* It may fail to lock the page, but it has drained first. */
	if (mlock(p, PAGE_SIZE))
		errno = 0;
	munmap(p, PAGE_SIZE);
}

static void drain_all_cpus(void)
{
	size_t size = CPU_ALLOC_SIZE(MAX_CPUS);
	cpu_set_t *mine = CPU_ALLOC(MAX_CPUS), *one = CPU_ALLOC(MAX_CPUS);
	long n = sysconf(_SC_NPROCESSORS_CONF);

	if (mine && one && !sched_getaffinity(0, size, mine)) {
		for (long cpu = 0; cpu < n && cpu < MAX_CPUS; cpu++) {
			CPU_ZERO_S(size, one);
			CPU_SET_S((size_t)cpu, size, one);
			if (!sched_setaffinity(0, size, one))
				drain_this_cpu();
		}
		sched_setaffinity(0, size, mine);
	}
	CPU_FREE(mine);
	CPU_FREE(one);
}

void teardown_settle(void)
{
	char buf[16];
	int fd;

	drain_all_cpus();
	/* Reading it folds the per-CPU parts of vmstat (admin-guide/sysctl/
	 * vm.rst, stat_refresh). */
	fd = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (read(fd, buf, sizeof(buf)) < 0)
		errno = 0;
	close(fd);
}

/* ---- others whose memory would count ------------------------------------ */

/* The names that kernels give a file of guest memory. */
static bool is_gmem(const char *link)
{
	return strstr(link, "guest_memfd") || strstr(link, "guest-memfd") ||
	       strstr(link, "kvm-gmem");
}

/* The lab's /init holds an empty VM, so that KVM stays in use. */
static bool is_kvm(const char *link, bool init)
{
	return is_gmem(link) ||
	       (!init && !strncmp(link, "anon_inode:kvm-", 15));
}

/* Returns 1 if it has a VM, 0 if not, -1 with errno if its files cannot be read. */
static int holds_vm(const char *proc, const char *pid)
{
	char path[PATH_MAX], link[128];
	const struct dirent *d;
	int found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%.20s/fd", proc, pid);
	dir = opendir(path);
	if (!dir) /* it may have exited */
		return errno == ENOENT || errno == ESRCH ? 0 : -1;
	while (!found && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, link,
				       sizeof(link) - 1);

		/* "." and ".." are no links; a file may have been closed, or may
		 * not be read by us. */
		if (n < 0 &&
		    (errno == EINVAL || errno == ENOENT || errno == EACCES))
			continue;
		link[n < 0 ? 0 : n] = 0;
		found = n < 0 ? -1 : is_kvm(link, !strcmp(pid, "1"));
	}
	closedir(dir);
	return found;
}

/* The pid of the next process in @dir; NULL at the end. */
static const char *next_process(DIR *dir)
{
	const struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9')
			return d->d_name;
	return NULL;
}

bool teardown_other_vm(const char *proc, pid_t own, char pid[static 24])
{
	DIR *dir = opendir(proc);
	bool found = false;
	const char *next;

	while (!found && (next = next_process(dir))) {
		if (strtol(next, NULL, 10) == own)
			continue;
		found = holds_vm(proc, next) > 0;
		snprintf(pid, 24, "%.20s", found ? next : "");
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool locks_memory(const char *proc, const char *pid)
{
	char name[32], line[128];
	long kib = 0;
	FILE *f;

	snprintf(name, sizeof(name), "%.20s/status", pid);
	f = proc_open(proc, name);
	while (f && fgets(line, sizeof(line), f))
		if (proc_number(line, "VmLck:", &kib))
			break;
	if (f)
		fclose(f);
	return kib;
}

/* Returns true if /proc shows all processes: we are in the initial PID namespace
 * (PROC_PID_INIT_INO), or there are none. False with errno, or 0. */
static bool sees_all(const char *proc)
{
	char path[PATH_MAX], link[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/self/ns/pid", proc);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return errno == ENOENT;
	link[n] = 0;
	errno = 0;
	return !strcmp(link, "pid:[4026531836]");
}

/* Returns true if no other process has a VM; otherwise, or if that is unknown, false
 * with @why. Sets @locker to a process that has locked memory. */
static bool is_alone(const char *proc, char locker[static 24], char *why,
		     size_t size)
{
	DIR *dir = opendir(proc);
	const char *pid;
	int r = 0;

	if (!dir || !sees_all(proc)) {
		snprintf(why, size,
			 "not all processes are in %s (a PID namespace?)%s%s",
			 proc, errno ? ": " : "",
			 errno ? strerrordesc_np(errno) : "");
		r = -1;
	}
	while (!r && (pid = next_process(dir))) {
		if (!locker[0] && locks_memory(proc, pid))
			snprintf(locker, 24, "%.20s", pid);
		r = holds_vm(proc, pid);
		if (r > 0)
			snprintf(why, size, "process %.20s also has a VM", pid);
		else if (r < 0)
			snprintf(why, size,
				 "the open files of process %.20s cannot be "
				 "read: %s",
				 pid, strerrordesc_np(errno));
	}
	if (dir)
		closedir(dir);
	return !r;
}

/* Is a mount a writable ramfs? The root file system of an initramfs is one, unless
 * it has a size: then it is a tmpfs (init/do_mounts.c, init_rootfs()). */
static bool is_ramfs(const char *type, const char *options)
{
	if (!strncmp(options, "ro", 2) && (!options[2] || options[2] == ','))
		return false;
	return !strcmp(type, "ramfs") ||
	       (!strcmp(type, "rootfs") && !strstr(options, "size="));
}

/* Also true, with the reason in @why, if that cannot be read. */
static bool has_ramfs(const char *proc, char *why, size_t size)
{
	FILE *f = proc_open(proc, "self/mounts");
	bool found = false;
	char line[1024];

	if (!f && errno != ENOENT) {
		snprintf(why, size, "%.64s/self/mounts: %s", proc,
			 strerrordesc_np(errno));
		return true;
	}
	while (f && !found && fgets(line, sizeof(line), f)) {
		char *save = NULL;
		const char *w[4] = { strtok_r(line, " ", &save) };

		for (int i = 1; i < 4; i++)
			w[i] = strtok_r(NULL, " ", &save);
		if (!w[3])
			continue;
		found = is_ramfs(w[2], w[3]);
		snprintf(why, size,
			 "files in the ramfs at %.80s would count as well",
			 w[1]);
	}
	if (f)
		fclose(f);
	return found;
}

/* ---- counting ----------------------------------------------------------- */

void teardown_count(struct teardown_count *c, const char *proc)
{
	long u = 0, m = 0;

	*c = (struct teardown_count){ 0 };
	if (geteuid()) {
		snprintf(c->why, sizeof(c->why),
			 "only root sees whether other processes have a VM");
	} else if (has_ramfs(proc, c->why, sizeof(c->why))) {
		return;
	} else if (!read_counters(proc, &u, &m)) {
		snprintf(c->why, sizeof(c->why),
			 "%s/vmstat lacks the counters%s%s", proc,
			 errno ? ": " : "",
			 errno ? strerrordesc_np(errno) : "");
	} else if (is_alone(proc, c->locker, c->why, sizeof(c->why))) {
		c->known = true;
		c->pages = u - m;
		host_memory_count(&c->host, proc);
	}
}

static long max_of(long a, long b)
{
	return a > b ? a : b;
}

void teardown_count_before(struct teardown_count *c, const char *proc)
{
	struct teardown_count again;
	long least;

	teardown_settle();
	teardown_count(c, proc);
	least = c->host.lost;
	for (int i = 1; i < COUNTS && c->known; i++) {
		usleep(1000);
		teardown_settle();
		teardown_count(&again, proc);
		again.pages = max_of(again.pages, c->pages);
		again.host.unmapped =
			max_of(again.host.unmapped, c->host.unmapped);
		least = again.host.lost < least ? again.host.lost : least;
		again.host.lost = max_of(again.host.lost, c->host.lost);
		again.noise = again.host.lost - least;
		*c = again;
	}
}

long teardown_pages(const struct teardown_count *before,
		    const struct teardown_count *after)
{
	if (!before->known || !after->known || after->pages <= before->pages)
		return 0;
	return after->pages - before->pages;
}

/* The counters are exact but for pages in transit between them, of which a busy
 * host has some. The scan of all pages is exact but for pages that leaked before.
 * A leak shows in both. */
static long find_unmapped(const struct teardown_count *before,
			  const struct teardown_count *after, const char *proc)
{
	long more = after->host.unmapped - before->host.unmapped, all;

	if (!before->host.has_unmapped || !after->host.has_unmapped ||
	    more <= 0)
		return 0;
	all = host_memory_unmapped(proc);
	if (all < 0) /* the kernel has no CONFIG_PROC_PAGE_MONITOR */
		return more > TEARDOWN_LOST ? more : 0;
	return all < more ? all : more;
}

static long find_lost(const struct teardown_count *before,
		      const struct teardown_count *after)
{
	long more = after->host.lost - before->host.lost;

	if (!before->host.has_lost || !after->host.has_lost)
		return 0;
	return more > TEARDOWN_LOST + 4 * before->noise ? more : 0;
}

void teardown_find(struct teardown_found *f,
		   const struct teardown_count *before,
		   const struct teardown_count *after, const char *proc)
{
	*f = (struct teardown_found){ 0 };
	if (!before->known || !after->known)
		return;
	f->unevictable = teardown_pages(before, after);
	f->unmapped = find_unmapped(before, after, proc);
	f->lost = find_lost(before, after);
}

long teardown_found_pages(const struct teardown_found *f)
{
	return f->unevictable + f->unmapped + f->lost;
}

bool teardown_in_doubt(const struct teardown_count *after, long pages,
		       char *why, size_t size)
{
	if (pages <= 0 || pages > TEARDOWN_DOUBT || !after->locker[0])
		return false;
	snprintf(why, size,
		 "%ld more pages are unevictable, but process %s has locked "
		 "memory, which may be the reason",
		 pages, after->locker);
	return true;
}

int teardown_vm_left(const char *debugfs, pid_t pid)
{
	char path[PATH_MAX], prefix[24];
	const struct dirent *d;
	int found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/kvm", debugfs);
	snprintf(prefix, sizeof(prefix), "%d-", (int)pid);
	dir = opendir(path);
	if (!dir) /* without debugfs there is nothing to look at */
		return errno == ENOENT ? 0 : -1;
	while (!found && (d = readdir(dir)))
		found = !strncmp(d->d_name, prefix, strlen(prefix));
	closedir(dir);
	return found;
}
