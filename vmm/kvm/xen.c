// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM serves Xen guests once the MSR of their hypercall page is configured;
 * from then on it maintains runstate instead of steal time (arch/x86/kvm/x86.c,
 * record_steal_time). Hypercalls are not intercepted, so that those of the
 * guest still reach KVM; a write to that MSR raises #GP, as there is no page to
 * copy. No upcall vector is set: events only set bits in shared_info and
 * vcpu_info, which needs no local APIC (xen.c, kvm_xen_set_evtchn_fast).
 */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "kvm/kvm.h"
#include "kvm/xen.h"

#define HYPERCALL_MSR 0x40000000

static const struct {
	uint32_t bit;
	const char *name;
} needed[] = {
	{ KVM_XEN_HVM_CONFIG_HYPERCALL_MSR, "HYPERCALL_MSR" },
	{ KVM_XEN_HVM_CONFIG_SHARED_INFO, "SHARED_INFO" },
	{ KVM_XEN_HVM_CONFIG_RUNSTATE, "RUNSTATE" },
	{ KVM_XEN_HVM_CONFIG_EVTCHN_SEND, "EVTCHN_SEND" },
};

int xen_offer(int kvm, bool by_hva, uint32_t *offer, struct err *e)
{
	int r = kvm_check_extension(kvm, KVM_CAP_XEN_HVM);

	if (r <= 0)
		return err_unsupported(
			e, "--pv xen: this KVM does not support Xen guests "
			   "(KVM_CAP_XEN_HVM is 0): use a kernel with "
			   "CONFIG_KVM_XEN, such as Debian's, or --pv kvm");
	*offer = (uint32_t)r;
	for (unsigned int i = 0; i < ARRAY_SIZE(needed); i++)
		if (!(*offer & needed[i].bit))
			return err_unsupported(
				e,
				"--pv xen: KVM_CAP_XEN_HVM is 0x%x, without "
				"%s: use a newer kernel, or --pv kvm",
				*offer, needed[i].name);
	if (by_hva && !(*offer & GPC_XEN_SHARED_INFO_HVA))
		return err_unsupported(
			e,
			"--pv-by hva: KVM_CAP_XEN_HVM is 0x%x, without "
			"SHARED_INFO_HVA (Linux 6.9): use --pv-by gpa",
			*offer);
	return 0;
}

int xen_make_vm(int vm, uint32_t offer, struct err *e)
{
	int r = kvm_xen_config(vm, KVM_XEN_HVM_CONFIG_EVTCHN_SEND,
			       HYPERCALL_MSR);

	if (r < 0)
		return err_kvm(e, -r, "KVM_XEN_HVM_CONFIG with MSR 0x%x",
			       HYPERCALL_MSR);
	/* Select the 64-bit layouts: the guest never sets a hypercall page,
	 * from which KVM would derive the mode. */
	r = kvm_xen_set_attr(vm, KVM_XEN_ATTR_TYPE_LONG_MODE, 1);
	if (r < 0)
		return err_kvm(e, -r, "KVM_XEN_ATTR_TYPE_LONG_MODE");
	if (!(offer & GPC_XEN_UPDATE_FLAG))
		return 0;
	r = kvm_xen_set_attr(vm, GPC_XEN_ATTR_UPDATE_FLAG, 1);
	return r < 0 ? err_kvm(e, -r, "KVM_XEN_ATTR_TYPE_RUNSTATE_UPDATE_FLAG")
		     : 0;
}

int xen_make_vcpu(int vcpu, unsigned int index, struct err *e)
{
	int r = kvm_xen_vcpu_set_attr(vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID,
				      index);

	return r < 0 ? err_kvm(e, -r, "KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID of %u",
			       index)
		     : 0;
}
