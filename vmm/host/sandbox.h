/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limit what a thread may do once a guest, a client or a kernel image may have
 * taken it over: seccomp filters and Landlock. privs.h chooses the uid.
 *
 * Filters are inherited. Threads created by the main thread run under its
 * filter and add a narrower one of their own before they touch any input.
 */
#ifndef GPCVM_SANDBOX_H
#define GPCVM_SANDBOX_H

#include <linux/filter.h>
#include <stdbool.h>

#include "base/err.h"
#include "host/privs.h"

enum sandbox_kind {
	SANDBOX_MAIN,
	SANDBOX_VCPU,	/* vCPUs, and the threads of a storm */
	SANDBOX_THREAD, /* other requests */
	SANDBOX_KEEPER,
	SANDBOX_POISONER,
	SANDBOX_KINDS,
};

struct sandbox {
	/* why filters are off: an option, the build, or the kernel */
	const char *no_filters;
	int landlock;	    /* its ABI; 0: not requested; or -errno */
	struct identity id; /* the current user */
	bool no_new_privs;
};

/* A file or directory that sandbox_paths() keeps accessible; path NULL:
 * none. */
struct sandbox_path {
	const char *path;
	bool dir;   /* with everything below it */
	bool write; /* else read-only */
};

/* Detect seccomp filters, unless @off. On SIGSYS print the system call that
 * killed gpcvm to stderr. */
void sandbox_init(struct sandbox *s, bool off);
/* Put the calling thread, and those that it creates, under the filter of @kind,
 * and set the thread's name. */
int sandbox_enter(const struct sandbox *s, enum sandbox_kind kind,
		  struct err *e);
/* "vcpu" */
const char *sandbox_kind_name(enum sandbox_kind kind);

/* ---- filters/compile.c -------------------------------------------------- */

#define SANDBOX_INSNS 512

/* Placeholders in the filters' comparisons for numbers of this process. */
enum sandbox_number {
	SANDBOX_PID = 0x7e570001,
	SANDBOX_ASKER, /* the poisoner's files */
	SANDBOX_CORRUPT,
	SANDBOX_PAGEMAP,
	SANDBOX_KPAGEFLAGS,
};

/* The first instruction with code 0 ends a filter. */
extern const struct sock_filter sandbox_filters[SANDBOX_KINDS][SANDBOX_INSNS];

struct sandbox_filter {
	struct sock_fprog prog; /* insns */
	struct sock_filter insns[SANDBOX_INSNS];
};

struct poison_files {
	int fd; /* to the process that asks */
	int corrupt, pagemap, kpageflags;
};

/* Build the filter of @kind for this process; @files is for
 * SANDBOX_POISONER. */
void sandbox_filter(enum sandbox_kind kind, const struct poison_files *files,
		    struct sandbox_filter *f);

/* ---- sandbox_paths.c ---------------------------------------------------- */

/* Deny the file system, but for @nr @paths, to the calling thread and those
 * that it creates. Open files stay open. Returns the Landlock ABI in use, or
 * -errno: the kernel has none (ENOSYS, EOPNOTSUPP). */
int sandbox_paths(const struct sandbox_path *paths, unsigned int nr);

#endif
