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

#include "err.h"
#include "privs.h"

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
	struct sock_fprog filters[SANDBOX_KINDS]; /* owned; of the machine's */
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

/* Compile the filters from @first to @last for sandbox_enter(), and have SIGSYS say
 * on stderr which system call killed gpcvm. */
int sandbox_make(struct sandbox *s, enum sandbox_kind first,
		 enum sandbox_kind last, bool off, struct err *e);
void sandbox_free(struct sandbox *s);
/* Put the calling thread, and those that it makes, under the filter of @kind, and
 * name them so. */
int sandbox_enter(const struct sandbox *s, enum sandbox_kind kind,
		  struct err *e);
/* "vcpu" */
const char *sandbox_kind_name(enum sandbox_kind kind);

/* ---- sandbox_filter.c --------------------------------------------------- */

struct poison_files {
	int fd; /* to who asks */
	int corrupt, pagemap, kpageflags;
};

/* Compile the filter for @kind; @files: SANDBOX_POISONER. insns is owned. */
int sandbox_compile(enum sandbox_kind kind, const struct poison_files *files,
		    struct sock_fprog *out, struct err *e);

/* ---- sandbox_paths.c ---------------------------------------------------- */

/* Take the file system out of the calling thread's reach, and of those that it
 * makes, but for @nr @paths: what has been opened stays. The ABI that is in
 * force, or minus an errno: the kernel has none (ENOSYS, EOPNOTSUPP). */
int sandbox_paths(const struct sandbox_path *paths, unsigned int nr);

#endif
