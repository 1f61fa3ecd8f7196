// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen's vcpu_time_info: another clock of the vCPU. KVM caches it in a gpc
 * (vcpu->arch.xen.vcpu_time_info_cache) and writes it with the others.
 */
#include <inttypes.h>

#include "devices/devices.h"
#include "devices/pvclock.h"

static int vcputime_activate(struct pv_page *p, struct vcpu *v,
			     const struct pv_where *to, struct err *e)
{
	int r = kvm_xen_vcpu_set_attr(v->fd,
				      KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO,
				      to->on ? to->gpa : GPC_XEN_INVALID_GPA);

	return r < 0 ? err_kvm(e, -r,
			       "KVM_XEN_VCPU_SET_ATTR of %s at gpa 0x%" PRIx64,
			       p->name, to->gpa)
		     : 0;
}

const struct pv_kind pv_vcputime_kind = {
	.name = "vcputime",
	.compatible = "gpcvm,xen-vcpu-time-info",
	.flavour = PV_XEN,
	.cached_by = "gpc",
	.size = 32, /* struct pvclock_vcpu_time_info */
	.stride = 32,
	.align = 32,
	.kept = PVCLOCK_FLAGS,
	.activate = vcputime_activate,
	.poke = pvclock_poke,
	.check = pvclock_check,
	.look = pvclock_look,
	.wrote = pvclock_wrote,
};
