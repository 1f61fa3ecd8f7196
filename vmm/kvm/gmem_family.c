// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "kvm/gmem_family.h"
#include "kvm/kvm.h"

/* Return a capability as a mask; an error means none. */
static uint64_t cap_mask(int fd, long number)
{
	int r = kvm_check_extension(fd, number);

	return r > 0 ? (uint64_t)r : 0;
}

static bool takes_flags(int vm, uint64_t flags)
{
	int fd = kvm_create_guest_memfd(vm, PAGE_SIZE, flags);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/*
 * Identify the family by a trial. Mainline refuses every flag before
 * KVM_CAP_GUEST_MEMFD_FLAGS; the 2024 series accepts bit 0. Up to 6.17 only a
 * VM with private memory can have a gmem file, so that type comes first.
 * (kvm_gmem_create() and kvm_arch_has_private_mem(), virt/kvm/guest_memfd.c,
 * arch/x86/kvm/x86.c)
 */
static enum gmem_family family_by_trial(int kvm)
{
	int vm = kvm_create_vm(kvm, GPC_VM_SW_PROTECTED);
	enum gmem_family f = GMEM_NONE;

	if (vm < 0)
		vm = kvm_create_vm(kvm, GPC_VM_DEFAULT);
	if (vm < 0)
		return GMEM_NONE;
	if (takes_flags(vm, GPC_GMEM_NO_DIRECT_MAP24))
		f = GMEM_DIRECT_2024;
	else if (takes_flags(vm, 0))
		f = GMEM_PRIVATE;
	close(vm);
	return f;
}

static enum gmem_family identify_family(int kvm, uint64_t mask)
{
	if (mask & GPC_GMEM_NO_DIRECT_MAP)
		return GMEM_DIRECT_2025;
	if (mask)
		return GMEM_MMAP;
	return cap_mask(kvm, GPC_CAP_GUEST_MEMFD) ? family_by_trial(kvm)
						  : GMEM_NONE;
}

/* Check the VM types first, to create a VM only if it may work; the attributes
 * depend on the type and are checked on the VM. */
static bool has_private_vm(int kvm)
{
	uint64_t attributes;
	int vm;

	if (!(cap_mask(kvm, GPC_CAP_VM_TYPES) & (1U << GPC_VM_SW_PROTECTED)))
		return false;
	vm = kvm_create_vm(kvm, GPC_VM_SW_PROTECTED);
	if (vm < 0)
		return false;
	attributes = cap_mask(vm, GPC_CAP_MEMORY_ATTRIBUTES);
	close(vm);
	return attributes & GPC_MEMORY_ATTRIBUTE_PRIVATE;
}

void gmem_offer_get(int kvm, const struct gmem_force *force,
		    struct gmem_offer *o)
{
	const uint64_t shared = GPC_GMEM_MMAP | GPC_GMEM_INIT_SHARED;
	uint64_t mask = cap_mask(kvm, GPC_CAP_GUEST_MEMFD_FLAGS);

	*o = (struct gmem_offer){ 0 };
	if (force && force->has_family) {
		o->forced = true;
		o->family = force->family;
		/* Take the family's own flags, whatever the kernel's mask
		 * is. */
		mask = shared;
	} else {
		o->family = identify_family(kvm, mask);
	}

	switch (o->family) {
	case GMEM_DIRECT_2024:
		o->no_direct_map = GPC_GMEM_NO_DIRECT_MAP24;
		break;
	case GMEM_DIRECT_2025:
		o->no_direct_map = GPC_GMEM_NO_DIRECT_MAP;
		/* fall through */
	case GMEM_MMAP:
		o->mappable = mask & GPC_GMEM_MMAP;
		o->shared_flags = o->mappable ? mask & shared : 0;
		break;
	default:
		break;
	}
	if (o->family != GMEM_NONE)
		o->private_vm = has_private_vm(kvm);
	if (force && force->has_flags) {
		o->forced = true;
		o->shared_flags = o->private_flags = force->flags;
	}
}
