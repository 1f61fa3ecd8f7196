/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says of a thread of this process: the CPU time that it got, and
 * what it waits for. From /proc/thread-self, opened by the thread itself. */
#ifndef GPCVM_TASK_STATE_H
#define GPCVM_TASK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* On the thread. What cannot be opened is missing later; no error. */
void task_open(struct task_files *f);
void task_close(struct task_files *f);
/* From any thread of the process. */
struct task_times task_times(const struct task_files *f);
/* E.g. "S in futex_do_wait < __futex_wait < futex_wait". What cannot be read is
 * named. */
void task_where(const struct task_files *f, char *buf, size_t len);

#endif
