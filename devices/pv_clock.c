// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-clock: the guest writes the page's gpa to MSR 0x4b564d01. KVM caches the
 * page in a gpc (vcpu->arch.pv_time) and writes it when it updates the vCPU's
 * clock.
 */
#include "devices/devices.h"
#include "devices/pvclock.h"

const struct pv_kind pv_clock_kind = {
	.name = "clock",
	.compatible = "gpcvm,kvm-clock",
	.flavour = PV_KVM,
	.cached_by = "gpc",
	.size = 32, /* struct pvclock_vcpu_time_info */
	.stride = 32,
	.align = 32,
	.kept = PVCLOCK_FLAGS,
	.msr = MSR_KVM_SYSTEM_TIME_NEW,
	.poke = pvclock_poke,
	.check = pvclock_check,
	.look = pvclock_look,
	.wrote = pvclock_wrote,
};
