/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest_memfd features of this kernel: measured, never inferred from a
 * version number. */
#ifndef GPCVM_GMEM_FAMILY_H
#define GPCVM_GMEM_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/choices.h"

struct gmem_offer {
	enum gmem_family family;
	bool forced;
	bool mappable;	 /* a gmem file can be mmap()ed and starts shared */
	bool private_vm; /* SW_PROTECTED_VM with the private attribute */
	uint64_t shared_flags;	/* for a mappable file: MMAP | INIT_SHARED */
	uint64_t private_flags; /* for a private file: 0, or forced flags */
	uint64_t no_direct_map; /* the family's flag; 0: not supported */
};

/*
 * Identify the family through the capabilities of @kvm (/dev/kvm). If a
 * capability number is ambiguous, try it on a scratch VM of the right type; no
 * VM is needed if KVM has KVM_CAP_GUEST_MEMFD_FLAGS. Never fails: features that
 * cannot be tried are not offered.
 */
void gmem_offer_get(int kvm, const struct gmem_force *force,
		    struct gmem_offer *o);

#endif
