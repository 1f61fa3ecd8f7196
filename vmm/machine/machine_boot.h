/* SPDX-License-Identifier: GPL-2.0-only */
/* Between machine*.c only: a --kernel and its PC. */
#ifndef GPCVM_MACHINE_BOOT_H
#define GPCVM_MACHINE_BOOT_H

#include "machine/machine.h"

/* KVM's interrupt controllers and timer, before there are vCPUs. */
int machine_make_chips(struct machine *m, struct err *e);
void machine_irq(void *machine, unsigned int line, bool level);
/* Read the files. @tree makes the device tree: boot.tree, whose argument is @m. */
int machine_open_boot(struct machine *m,
		      void *(*tree)(void *arg, size_t *len, struct err *e),
		      struct err *e);
/* Find their place, and put them there: with @bounce vCPU 0 does, from the
 * window, when it runs. */
int machine_boot(struct machine *m, bool bounce, struct err *e);
/* The vCPUs are there and do not run yet: have KVM map what the kernel writes
 * first, and give back its files. */
int machine_boot_done(struct machine *m, struct err *e);
void machine_free_boot(struct machine *m);

#endif
