/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel reports about a thread of this process: its CPU time, and
 * where it waits. The keeper opens the files below /proc, as the machine may
 * not open files. */
#ifndef GPCVM_TASK_STATE_H
#define GPCVM_TASK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct task_files {
	int schedstat, stat;
	int where; /* the kernel stack, or just wchan */
	bool stack;
	int stack_errno; /* why there is no stack */
};

struct task_times {
	bool there;
	uint64_t ran, waited; /* on a CPU; runnable without one; ns */
	char state;	      /* as in ps: R, S, D ...; '?' */
};

enum task_file {
	TASK_SCHEDSTAT,
	TASK_STAT,
	TASK_WCHAN,
	TASK_STACK,
	TASK_FILES
};

/* No files: everything is unknown, because of errno @why. */
struct task_files task_none(int why);
/* Open one file of thread @tid of process @pid; -1 and errno. The stack
 * requires CAP_SYS_ADMIN (fs/proc/base.c, proc_pid_stack). */
int task_open(pid_t pid, pid_t tid, enum task_file which);
/* Take over the files of a thread of this process; negative ones are
 * missing. */
struct task_files task_take(const int fds[static TASK_FILES], int stack_errno);
void task_close(struct task_files *f);
/* Callable from any thread of the process. */
struct task_times task_times(const struct task_files *f);
/* Describe where the thread is, e.g. "S in futex_do_wait < __futex_wait <
 * futex_wait", and name what cannot be read. */
void task_where(const struct task_files *f, char *buf, size_t len);

#endif
