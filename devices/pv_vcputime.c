// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen's vcpu_time_info: another clock of the vCPU. KVM caches it in a gpc
 * (vcpu->arch.xen.vcpu_time_info_cache) and writes it with the others.
 */
#include "devices/devices.h"
#include "devices/pvclock.h"
#include "devices/xen_event.h"

const struct pv_kind pv_vcputime_kind = {
	.name = "vcputime",
	.compatible = "gpcvm,xen-vcpu-time-info",
	.flavour = PV_XEN,
	.cached_by = "gpc",
	.size = 32, /* struct pvclock_vcpu_time_info */
	.stride = 32,
	.align = 32,
	.kept = PVCLOCK_FLAGS,
	.xen_attr = KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO,
	.activate = xen_activate,
	.poke = pvclock_poke,
	.check = pvclock_check,
	.look = pvclock_look,
	.wrote = pvclock_wrote,
};
