/* SPDX-License-Identifier: GPL-2.0-only */
/* Used only within vmm/machine: the steps in which a machine is made. */
#ifndef GPCVM_MACHINE_INTERNAL_H
#define GPCVM_MACHINE_INTERNAL_H

#include "guest/doorbell.h"
#include "machine/machine.h"

/* The loader's copy list, in the window. */
#define LIST_AT (LOADER_BASE + PAGE_SIZE)

/* pc.c: KVM's interrupt controllers and timer, before there are vCPUs. */
int machine_make_chips(struct machine *m, struct err *e);
void machine_irq(struct machine *m, unsigned int line, bool level);
/* Answer an access to a performance counter's MSR. vCPU thread. */
enum step machine_msr(struct vcpu *v);

/* machine_boot.c: read the files of a --kernel. */
int machine_open_boot(struct machine *m, struct err *e);
/* Place the guest, and write it to memory or have vCPU 0 copy it. */
int machine_boot(struct machine *m, struct err *e);
/* With vCPUs, before they run: have KVM map what the kernel writes first, and free
 * the files. */
int machine_boot_done(struct machine *m, struct err *e);
void machine_free_boot(struct machine *m);

/* machine_vcpu.c */
int machine_make_vcpus(struct machine *m, struct err *e);
void machine_free_vcpus(struct machine *m);
/* The registers with which the built-in guest starts at physical @entry. */
struct kvm_regs machine_guest_regs(const struct machine *m, unsigned int index,
				   uint32_t entry);
/* Set vCPU 0's registers as the boot says. */
int machine_enter_guest(struct machine *m, struct vcpu *v, struct err *e);
/* vCPU 0 starts the others, at physical @entry. */
void machine_start_aps(struct machine *m, uint32_t entry);

#endif
