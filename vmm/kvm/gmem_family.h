/* SPDX-License-Identifier: GPL-2.0-only */
/* What this kernel's guest_memfd offers: measured, never inferred from a
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
	bool mappable;		/* a gmem file can be mmap()ed and is shared */
	bool private_vm;	/* SW_PROTECTED_VM with the private attribute */
	uint64_t shared_flags;	/* for a mappable file: MMAP | INIT_SHARED */
	uint64_t private_flags; /* for a private one: 0, or what is forced */
	uint64_t no_direct_map; /* the family's flag; 0: it has none */
};

/*
 * Tell the family by asking @kvm (/dev/kvm) and, where a capability number
 * could mean two things, by trying on a throw-away VM of the right type.
 * Costs no VM where KVM_CAP_GUEST_MEMFD_FLAGS answers. Never fails: what
 * cannot be tried is not offered.
 */
void gmem_offer_get(int kvm, const struct gmem_force *force,
		    struct gmem_offer *o);

#endif
