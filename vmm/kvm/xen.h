/* SPDX-License-Identifier: GPL-2.0-only */
/* What makes a VM one of the Xen flavour: --pv xen. */
#ifndef GPCVM_XEN_H
#define GPCVM_XEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What KVM_CAP_XEN_HVM answers, in *offer. -1 (unsupported): not enough for the
 * pages of Xen, or with @by_hva for those that are given to KVM by hva. */
int xen_offer(int kvm, bool by_hva, uint32_t *offer, struct err *e);
/* Before any vCPU: what KVM needs to know of the VM. */
int xen_make_vm(int vm, uint32_t offer, struct err *e);
int xen_make_vcpu(int vcpu, unsigned int index, struct err *e);

#endif
