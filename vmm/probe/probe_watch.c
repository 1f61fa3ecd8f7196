// SPDX-License-Identifier: GPL-2.0-only
/* Rows on observing the host kernel. None of them needs KVM. */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "host/delay.h"
#include "host/trace.h"
#include "host/tracefs.h"
#include "probe/probe_row.h"

/* Return the rest of the line in @path that starts with @key. If NULL, errno
 * is the read error, or 0. */
static char *value_of_key(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *found = NULL;
	size_t cap = 0;
	int err;

	if (f)
		errno = 0;
	while (f && !found && getline(&line, &cap, f) > 0)
		if (strncmp(line, key, strlen(key)) == 0)
			found = strdup(line + strlen(key));
	err = errno;
	free(line);
	if (f)
		fclose(f);
	errno = err;
	return found;
}

/* Return 0 or an errno. */
static int need_sys_admin(void)
{
	char *caps = value_of_key("/proc/self/status", "CapEff:");
	uint64_t mask = caps ? strtoull(caps, NULL, 16) : 0;
	int err = caps ? EPERM : errno;

	free(caps);
	return mask >> CAP_SYS_ADMIN & 1 ? 0 : err ?: ENODATA;
}

/* Not tried: a success would take a page of RAM from the host. */
static void row_hwpoison(const struct probe_ctx *c, struct probe_row *r)
{
	static const char inject[] = "/sys/kernel/debug/hwpoison/corrupt-pfn";
	/* Present only with CONFIG_MEMORY_FAILURE: fs/proc/meminfo.c */
	char *meminfo = value_of_key("/proc/meminfo", "HardwareCorrupted:");
	int unread = meminfo ? 0 : errno,
	    admin = meminfo ? need_sys_admin() : 0;
	int pfn = access(inject, W_OK) ? errno : 0;

	(void)c;
	row_use(r, "`poison`");
	row_set(r, meminfo && !admin ? PROBE_YES : PROBE_NO, false,
		"HardwareCorrupted in meminfo: %s; corrupt-pfn: %s",
		meminfo ? "yes" : "no", pfn ? "no" : "yes");
	if (unread)
		row_why(r, "/proc/meminfo: %s", strerror(unread));
	else if (!meminfo)
		row_why(r, "needs a kernel with CONFIG_MEMORY_FAILURE");
	else if (admin)
		row_why(r, "madvise(MADV_HWPOISON) needs CAP_SYS_ADMIN: %s",
			strerror(admin));
	else if (pfn)
		row_why(r,
			"mapped memory only; by pfn it needs "
			"CONFIG_HWPOISON_INJECT and debugfs mounted on "
			"/sys/kernel/debug: %s",
			strerror(pfn));
	free(meminfo);
}

static void not_opened(struct probe_row *r, const char *path, int err,
		       const char *absent, const char *denied)
{
	row_set(r, PROBE_NO, true, "%s: %s", path, strerrorname_np(err));
	row_why(r, "%s",
		err == ENOENT			? absent
		: err == EACCES || err == EPERM ? denied
						: strerror(err));
}

static void row_kcore(const struct probe_ctx *c, struct probe_row *r)
{
	static const char path[] = "/proc/kcore";
	unsigned char ident[EI_NIDENT] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	(void)c;
	row_use(r, "`leak`");
	if (fd < 0) {
		not_opened(r, path, errno,
			   "needs a kernel with CONFIG_PROC_KCORE",
			   "needs root with CAP_SYS_RAWIO, and no lockdown");
		return;
	}
	n = read(fd, ident, sizeof(ident));
	if (n == (ssize_t)sizeof(ident) &&
	    memcmp(ident, ELFMAG, SELFMAG) == 0) {
		row_set(r, PROBE_YES, true, "%s: an ELF header read", path);
	} else {
		row_set(r, PROBE_NO, true, "%s: %zd bytes read", path, n);
		row_why(r, "%s", n < 0 ? strerror(errno) : "not an ELF header");
	}
	close(fd);
}

static void row_kmsg(const struct probe_ctx *c, struct probe_row *r)
{
	static const char path[] = "/dev/kmsg";
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192]; /* more than the kernel's PRINTK_MESSAGE_MAX */
	ssize_t n;

	(void)c;
	row_use(r, "host warnings as events");
	if (fd < 0) {
		not_opened(r, path, errno,
			   "needs CONFIG_PRINTK, and the node in /dev",
			   "needs root, or kernel.dmesg_restrict=0 and a "
			   "readable node");
		return;
	}
	n = read(fd, record, sizeof(record));
	/* EPIPE: records were overwritten; the next read continues after them
	 * (devkmsg_read(), kernel/printk/printk.c). */
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EPIPE))) {
		row_set(r, PROBE_YES, true, "%s: %s", path,
			n > 0 ? "a record read" : "open, no record pending");
	} else {
		row_set(r, PROBE_NO, true, "%s: nothing read", path);
		row_why(r, "%s", n < 0 ? strerror(errno) : "end of file");
	}
	close(fd);
}

static void count_events(struct probe_row *r, const char *root, int events)
{
	unsigned int all = 0, gpc = 0;
	DIR *d = fdopendir(events);
	struct dirent *de;

	if (!d) {
		row_set(r, PROBE_UNKNOWN, true, "%s: not counted", root);
		row_why(r, "fdopendir: %s", strerror(errno));
		close(events);
		return;
	}
	while ((de = readdir(d))) {
		/* Count the events only, not the files enable and filter. */
		if (strncmp(de->d_name, "kvm_", 4) == 0)
			all++;
		if (strstr(de->d_name, "gpc") || strstr(de->d_name, "gmem"))
			gpc++;
	}
	closedir(d);
	row_set(r, PROBE_YES, true,
		"%s: %u events of KVM, %u about gpc or gmem", root, all, gpc);
}

static void row_tracefs(const struct probe_ctx *c, struct probe_row *r)
{
	const char *mounted;
	struct err e;
	int root, events;

	(void)c;
	row_use(r, "tracepoints, for `check`");
	root = tracefs_open(&mounted, &e);
	if (root < 0) {
		row_set(r, PROBE_NO, true, "%s",
			e.os_errno ? strerrorname_np(e.os_errno) : "none");
		row_why(r, "%s", e.msg);
		return;
	}
	events = openat(root, "events/kvm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (events < 0)
		not_opened(r, "events/kvm", errno,
			   "no events of KVM: its module is not loaded, or the "
			   "kernel lacks CONFIG_EVENT_TRACING",
			   "needs root, or tracefs mounted with your gid=");
	else
		count_events(r, mounted ?: "not mounted, opened directly",
			     events);
	close(root);
}

/* This thread runs no vCPU, so everything but the write is tried. */
static void row_tracepoints(const struct probe_ctx *c, struct probe_row *r)
{
	struct trace t;

	(void)c;
	row_use(r, "\"kernel\" in `check`: what KVM reports to have written");
	trace_open(&t);
	if (t.there[TRACE_PVCLOCK]) {
		row_set(r, PROBE_YES, true, "%s, on %u CPUs",
			trace_point_name(TRACE_PVCLOCK), t.nr_rings);
	} else {
		row_set(r, PROBE_NO, true, "%s: no",
			trace_point_name(TRACE_PVCLOCK));
		row_why(r, "%s", t.why[TRACE_PVCLOCK].msg);
	}
	trace_close(&t);
}

static void row_delays(const struct probe_ctx *c, struct probe_row *r)
{
	struct delays d;

	(void)c;
	row_use(r, "`delay`: reproducible races");
	delays_open(&d, DELAY_DIR);
	row_set(r, d.dir >= 0 ? PROBE_YES : PROBE_NO, true, "%s: %s", DELAY_DIR,
		d.dir >= 0	 ? "delays and counts read"
		: d.why.os_errno ? strerrorname_np(d.why.os_errno)
				 : "none");
	if (d.dir < 0)
		row_why(r, "%s", d.why.msg);
	delays_close(&d, NULL);
}

static const struct probe_def watch_rows[] = {
	{ "kcore", false, row_kcore },
	{ "kmsg", false, row_kmsg },
	{ "tracefs", false, row_tracefs },
	{ "tracepoints", false, row_tracepoints },
	{ "hwpoison", false, row_hwpoison },
	{ "delays", false, row_delays },
};

const struct probe_group probe_watch = { "observation", watch_rows,
					 ARRAY_SIZE(watch_rows) };
