/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says of a thread of this process: the CPU time that it got, and
 * what it waits for. From files below /proc that the keeper opens, as the machine
 * may open none. */
#ifndef GPCVM_TASK_STATE_H
#define GPCVM_TASK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct task_files {
	int schedstat, stat;
	int where; /* the kernel stack, or only wchan */
	bool stack;
	int stack_errno; /* why it is not the stack */
};

struct task_times {
	bool there;
	uint64_t ran, waited; /* on a CPU; runnable, without one. ns */
	char state;	      /* as in ps: R, S, D ...; '?' */
};

enum task_file {
	TASK_SCHEDSTAT,
	TASK_STAT,
	TASK_WCHAN,
	TASK_STACK,
	TASK_FILES
};

/* No file: everything is unknown, because of @why, an errno. */
struct task_files task_none(int why);
/* Open one of thread @tid of process @pid; -1 and errno. Of the stack the opener
 * needs CAP_SYS_ADMIN (fs/proc/base.c, proc_pid_stack). */
int task_open(pid_t pid, pid_t tid, enum task_file which);
/* Make them of files of a thread of this process, which are taken over: negative
 * ones are missing later. */
struct task_files task_take(const int fds[static TASK_FILES], int stack_errno);
void task_close(struct task_files *f);
/* From any thread of the process. */
struct task_times task_times(const struct task_files *f);
/* E.g. "S in futex_do_wait < __futex_wait < futex_wait". What cannot be read is
 * named. */
void task_where(const struct task_files *f, char *buf, size_t len);

#endif
