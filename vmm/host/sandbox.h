/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a thread may still do once a guest, a client or a kernel's file may have
 * taken it over: seccomp filters and Landlock. Whose uid it has: privs.h.
 *
 * Filters are inherited. Threads that the main thread makes have its filter and
 * add a narrower one of their own, which they do before they look at anything.
 */
#ifndef GPCVM_SANDBOX_H
#define GPCVM_SANDBOX_H

#include <linux/filter.h>
#include <stdbool.h>

#include "base/err.h"
#include "host/privs.h"

enum sandbox_kind {
	SANDBOX_MAIN,
	SANDBOX_VCPU,	/* vCPUs, and the threads of storms */
	SANDBOX_THREAD, /* of other requests */
	SANDBOX_KEEPER,
	SANDBOX_POISONER,
	SANDBOX_KINDS,
};

struct sandbox {
	/* Why there are no filters: an option, the build, or the kernel. */
	const char *no_filters;
	int landlock;	    /* its ABI; 0: not asked for; or minus an errno */
	struct identity id; /* whose it is now */
	bool no_new_privs;
};

/* A file that sandbox_paths() leaves in reach; path NULL: none. */
struct sandbox_path {
	const char *path;
	bool dir;   /* all of it */
	bool write; /* else only read */
};

/* Look whether there are filters, unless @off; have SIGSYS say on stderr which
 * system call killed gpcvm. */
void sandbox_init(struct sandbox *s, bool off);
/* Put the calling thread, and those that it makes, under the filter of @kind, and
 * name them so. */
int sandbox_enter(const struct sandbox *s, enum sandbox_kind kind,
		  struct err *e);
/* "vcpu" */
const char *sandbox_kind_name(enum sandbox_kind kind);

/* ---- filters/compile.c -------------------------------------------------- */

#define SANDBOX_INSNS 512

/* Numbers of the process, in the filters' comparisons: these stand for them. */
enum sandbox_number {
	SANDBOX_PID = 0x7e570001,
	SANDBOX_ASKER, /* of the poisoner: its files */
	SANDBOX_CORRUPT,
	SANDBOX_PAGEMAP,
	SANDBOX_KPAGEFLAGS,
};

/* Ends with the first whose code is 0. */
extern const struct sock_filter sandbox_filters[SANDBOX_KINDS][SANDBOX_INSNS];

struct sandbox_filter {
	struct sock_fprog prog; /* insns */
	struct sock_filter insns[SANDBOX_INSNS];
};

struct poison_files {
	int fd; /* to who asks */
	int corrupt, pagemap, kpageflags;
};

/* The filter of @kind for this process; @files: SANDBOX_POISONER. */
void sandbox_filter(enum sandbox_kind kind, const struct poison_files *files,
		    struct sandbox_filter *f);

/* ---- sandbox_paths.c ---------------------------------------------------- */

/* Take the file system out of the calling thread's reach, and of those that it
 * makes, but for @nr @paths: what has been opened stays. The ABI that is in
 * force, or minus an errno: the kernel has none (ENOSYS, EOPNOTSUPP). */
int sandbox_paths(const struct sandbox_path *paths, unsigned int nr);

#endif
