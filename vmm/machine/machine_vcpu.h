/* SPDX-License-Identifier: GPL-2.0-only */
/* Between create.c, machine_boot.c and machine_vcpu.c only. */
#ifndef GPCVM_MACHINE_VCPU_H
#define GPCVM_MACHINE_VCPU_H

#include "machine/machine.h"

int machine_make_vcpus(struct machine *m, struct err *e);
void machine_free_vcpus(struct machine *m);
/* vCPU 0 of a --kernel begins with what the loader answered. */
int machine_enter_kernel(struct machine *m, struct vcpu *v, struct err *e);
/* vCPU 0 lets the others go, at physical @entry. */
void machine_start_aps(void *machine, uint32_t entry);

#endif
