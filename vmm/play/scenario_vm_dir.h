/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A directory for the control socket of a scenario's machine, and a process that
 * removes it when the player is gone, however it went: nothing that is killed
 * can do so itself. It also ends the machine then: its PR_SET_PDEATHSIG does not
 * outlive a change of its uid.
 */
#ifndef GPCVM_SCENARIO_VM_DIR_H
#define GPCVM_SCENARIO_VM_DIR_H

#include <sys/types.h>

#include "base/err.h"

struct vm_dir {
	char path[64]; /* "": none */
	pid_t keeper;  /* the process */
	int fd;	       /* owned: it is gone when the other end is closed */
};

/* In TMPDIR. Before there are other threads: it forks. */
int vm_dir_make(struct vm_dir *d, struct err *e);
/* The machine that is to end with us. */
void vm_dir_machine(struct vm_dir *d, pid_t machine);
/* The machine has ended: remove the directory and what is in it. */
void vm_dir_remove(struct vm_dir *d);

#endif
