/* SPDX-License-Identifier: GPL-2.0-only */
/* Set up a VM for Xen guests: --pv xen. */
#ifndef GPCVM_XEN_H
#define GPCVM_XEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Store the flags of KVM_CAP_XEN_HVM in *offer. -1 (unsupported) if they do not
 * suffice for the Xen pages or, with @by_hva, for pages given to KVM by hva. */
int xen_offer(int kvm, bool by_hva, uint32_t *offer, struct err *e);
/* Configure Xen for the VM; call before any vCPU exists. */
int xen_make_vm(int vm, uint32_t offer, struct err *e);
int xen_make_vcpu(int vcpu, unsigned int index, struct err *e);

#endif
