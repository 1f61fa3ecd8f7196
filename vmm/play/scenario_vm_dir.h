/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A directory for the control socket of a scenario's machine, and a process, the
 * remover, that removes it after the player has exited: a player that is killed
 * cannot. The remover also ends the machine then, because PR_SET_PDEATHSIG does not
 * survive a change of the machine's uid.
 */
#ifndef GPCVM_SCENARIO_VM_DIR_H
#define GPCVM_SCENARIO_VM_DIR_H

#include <sys/types.h>

#include "base/err.h"

struct vm_dir {
	char path[64]; /* "": none */
	pid_t remover;
	int fd; /* owned: the remover acts when this end is closed */
};

/* Make one in TMPDIR. Forks: to be called before threads are created. */
int vm_dir_make(struct vm_dir *d, struct err *e);
/* Tell the remover which machine to end. */
void vm_dir_machine(struct vm_dir *d, pid_t machine);
/* After the machine's end: remove the directory and what is in it. */
void vm_dir_remove(struct vm_dir *d);

#endif
