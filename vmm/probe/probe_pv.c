// SPDX-License-Identifier: GPL-2.0-only
/* Rows on the pages that KVM writes for the guest. */
#include <string.h>

#include "base/num.h"
#include "kvm/kvm.h"
#include "kvm/scratch_vm.h"
#include "kvm/xen.h"
#include "probe/probe.h"
#include "probe/probe_row.h"

/* Read a bit of CPUID leaf 0x40000001 (Documentation/virt/kvm/x86/cpuid.rst):
 * 1, 0 or -errno. */
static int cpuid_feature(const struct probe_ctx *c, unsigned int bit)
{
	struct kvm_cpuid_table t;
	uint32_t i;
	int r;

	memset(&t, 0, sizeof(t));
	r = kvm_supported_cpuid(c->kvm, &t);
	if (r < 0)
		return r;
	for (i = 0; i < t.head.nent && i < KVM_MAX_CPUID; i++)
		if (t.entries[i].function == KVM_CPUID_FEATURES)
			return t.entries[i].eax >> bit & 1;
	return 0;
}

static int with_vcpu(const struct probe_ctx *c, struct scratch_vm *v,
		     struct err *e)
{
	if (scratch_vm_create(v, c->kvm, GPC_VM_DEFAULT, e) < 0 ||
	    scratch_vm_anon(v, e) < 0)
		return -1;
	return scratch_vm_vcpu(v, c->kvm, e);
}

/* Read the 32-bit version counter of either structure, which is nonzero once
 * KVM has written the page (Documentation/virt/kvm/x86/msr.rst). */
static uint32_t version_at(const struct scratch_vm *v, size_t offset)
{
	uint32_t version;

	memcpy(&version, (const char *)v->mem + offset, sizeof(version));
	return version;
}

/* Try the MSR of a pv page with a vCPU that only halts. */
static void row_msr(const struct probe_ctx *c, struct probe_row *r,
		    uint32_t msr, unsigned int bit, size_t version)
{
	struct scratch_vm v = SCRATCH_VM_NONE;
	int have = cpuid_feature(c, bit);
	struct err e;

	if (have < 0) {
		row_set(r, PROBE_UNKNOWN, false, "CPUID not known");
		row_why(r, "KVM_GET_SUPPORTED_CPUID: %s", strerror(-have));
	} else if (with_vcpu(c, &v, &e) < 0) {
		row_set(r, PROBE_UNKNOWN, false, "CPUID bit %u is %d", bit,
			have);
		row_why(r, "%s", e.msg);
	} else if (scratch_vm_set_page(&v, msr, 1, &e) < 0) {
		row_fail(r, &e, "CPUID bit %u is %d; MSR 0x%x", bit, have, msr);
	} else if (scratch_vm_hlt(&v, &e) < 0) {
		row_set(r, PROBE_UNKNOWN, true,
			"CPUID bit %u is %d; MSR 0x%x set", bit, have, msr);
		row_why(r, "a vCPU could not be run: %s", e.msg);
	} else if (!version_at(&v, PAGE_SIZE + version)) {
		row_set(r, PROBE_NO, true, "CPUID bit %u is %d; MSR 0x%x set",
			bit, have, msr);
		row_why(r, "the kernel did not write the page in one KVM_RUN");
	} else {
		row_set(r, PROBE_YES, true,
			"CPUID bit %u is %d; MSR set, page written", bit, have);
	}
	scratch_vm_close(&v);
}

static void row_clock(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "clock0: a gpc");
	row_msr(c, r, MSR_KVM_SYSTEM_TIME_NEW, KVM_FEATURE_CLOCKSOURCE2, 0);
}

static void row_steal(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "steal0: a ghc to 6.18");
	row_msr(c, r, MSR_KVM_STEAL_TIME, KVM_FEATURE_STEAL_TIME,
		STEAL_VERSION);
}

/* Does KVM reach a private gfn, or does it write the userspace mapping? The
 * guest reads the former, the host the latter. */
static void row_private_msr(const struct probe_ctx *c, struct probe_row *r,
			    uint32_t msr, size_t version)
{
	struct scratch_vm v = SCRATCH_VM_NONE;
	uint16_t seen = 0;
	struct err e;

	if (!c->offer.private_vm) {
		row_set(r, PROBE_NO, false, "no private memory");
		row_why(r, SEE_ROW "mode-gmem-private");
	} else if (scratch_vm_run_private(&v, c->kvm, msr, version, &seen, &e) <
		   0) {
		row_fail(r, &e, "could not be tried");
	} else if (seen) {
		row_set(r, PROBE_YES, true, "the guest reads version %u", seen);
	} else if (version_at(&v, PAGE_SIZE + version)) {
		row_set(r, PROBE_NO, true, "KVM writes the shared alias");
		row_why(r,
			"the cache resolves the gfn by userspace_addr: needs a "
			"kernel with gmem-backed gpcs");
	} else {
		row_set(r, PROBE_NO, true, "neither page was written");
		row_why(r, "needs a kernel with gmem-backed gpcs");
	}
	scratch_vm_close(&v);
}

static void row_private_clock(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "clock0 in private memory");
	row_private_msr(c, r, MSR_KVM_SYSTEM_TIME_NEW, 0);
}

static void row_private_steal(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "steal0 in private memory");
	row_private_msr(c, r, MSR_KVM_STEAL_TIME, STEAL_VERSION);
}

static void row_set_clock(const struct probe_ctx *c, struct probe_row *r)
{
	const uint64_t want = 1000000000000ULL;
	struct kvm_clock_data d = { 0 };
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;
	int got;

	row_use(r, "`poke clock0`");
	if (with_vcpu(c, &v, &e) < 0) {
		row_set(r, PROBE_UNKNOWN, false, "no vCPU to try it on");
		row_why(r, "%s", e.msg);
		scratch_vm_close(&v);
		return;
	}
	d.clock = want;
	got = kvm_set_clock(v.vm, &d);
	if (got == 0)
		got = kvm_get_clock(v.vm, &d);
	scratch_vm_close(&v);
	if (got < 0) {
		row_set(r, PROBE_NO, true, "refused");
		row_why(r, "KVM_SET_CLOCK, KVM_GET_CLOCK: %s", strerror(-got));
		return;
	}
	row_set(r, d.clock >= want ? PROBE_YES : PROBE_NO, true,
		"set to %llu, reads %llu", (unsigned long long)want,
		(unsigned long long)d.clock);
	if (d.clock < want)
		row_why(r, "the clock did not keep the value");
}

static void row_master(const struct probe_ctx *c, struct probe_row *r)
{
	struct kvm_clock_data d = { 0 };
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;
	int got;

	row_use(r, "clock0's TSC_STABLE bit");
	if (with_vcpu(c, &v, &e) < 0 ||
	    scratch_vm_set_page(&v, MSR_KVM_SYSTEM_TIME_NEW, 1, &e) < 0 ||
	    scratch_vm_hlt(&v, &e) < 0) {
		row_set(r, PROBE_UNKNOWN, false, "no running vCPU to ask");
		row_why(r, "%s", e.msg);
		scratch_vm_close(&v);
		return;
	}
	got = kvm_get_clock(v.vm, &d);
	scratch_vm_close(&v);
	if (got < 0) {
		row_set(r, PROBE_UNKNOWN, true, "refused");
		row_why(r, "KVM_GET_CLOCK: %s", strerror(-got));
		return;
	}
	row_set(r, d.flags & KVM_CLOCK_TSC_STABLE ? PROBE_YES : PROBE_NO, true,
		"flags 0x%x%s%s%s", d.flags,
		d.flags & KVM_CLOCK_TSC_STABLE ? " TSC_STABLE" : "",
		d.flags & KVM_CLOCK_REALTIME ? " REALTIME" : "",
		d.flags & KVM_CLOCK_HOST_TSC ? " HOST_TSC" : "");
	if (r->state == PROBE_NO)
		row_why(r, "the host's clocksource is not a stable TSC: each "
			   "vCPU's clock is computed alone");
}

static void row_ctrl(const struct probe_ctx *c, struct probe_row *r)
{
	int cap = kvm_check_extension(c->kvm, KVM_CAP_KVMCLOCK_CTRL), got;
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;

	row_use(r, "clock0's guest-paused bit");
	if (with_vcpu(c, &v, &e) < 0 ||
	    scratch_vm_set_page(&v, MSR_KVM_SYSTEM_TIME_NEW, 1, &e) < 0) {
		row_set(r, PROBE_UNKNOWN, false, "cap 76 is %d", cap);
		row_why(r, "%s", e.msg);
	} else {
		got = kvm_kvmclock_ctrl(v.vcpu);
		row_set(r, got < 0 ? PROBE_NO : PROBE_YES, true,
			"cap 76 is %d; KVM_KVMCLOCK_CTRL %s", cap,
			got < 0 ? "refused" : "accepted");
		if (got < 0)
			row_why(r, "KVM_KVMCLOCK_CTRL: %s", strerror(-got));
	}
	scratch_vm_close(&v);
}

static void row_xen(const struct probe_ctx *c, struct probe_row *r)
{
	/* KVM_XEN_HVM_CONFIG_*, include/uapi/linux/kvm.h, from bit 0 on */
	static const char *const names[] = {
		"HYPERCALL_MSR",	"INTERCEPT_HCALL",
		"SHARED_INFO",		"RUNSTATE",
		"EVTCHN_2LEVEL",	"EVTCHN_SEND",
		"RUNSTATE_UPDATE_FLAG", "PVCLOCK_TSC_UNSTABLE",
		"SHARED_INFO_HVA",
	};
	int mask = kvm_check_extension(c->kvm, KVM_CAP_XEN_HVM);
	unsigned int i, missing = 0;
	char list[160] = "";
	uint32_t offer;
	struct err e;

	row_use(r, "--pv xen");
	if (mask <= 0) {
		row_set(r, PROBE_NO, false, "cap 38 is 0");
		row_why(r, "needs a kernel with CONFIG_KVM_XEN");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!((unsigned int)mask & (1U << i)))
			missing++;
		row_add(list, sizeof(list), "%s%s%s", *list ? " " : "",
			(unsigned int)mask & (1U << i) ? "" : "-", names[i]);
	}
	row_set(r, PROBE_YES, false, "cap 38 is 0x%x, %u of %zu bits missing",
		(unsigned int)mask, missing, ARRAY_SIZE(names));
	row_why(r, "%s", list);
	if (xen_offer(c->kvm, false, &offer, &e)) {
		r->state = PROBE_NO;
		row_why(r, "%s", e.msg);
	}
}

static const struct probe_def pv_rows[] = {
	{ "kvm-clock", true, row_clock },
	{ "set-clock", true, row_set_clock },
	{ "master-clock", true, row_master },
	{ "kvmclock-ctrl", true, row_ctrl },
	{ "steal-time", true, row_steal },
	{ "private-clock", true, row_private_clock },
	{ "private-steal", true, row_private_steal },
	{ "xen", true, row_xen },
};

const struct probe_group probe_pv = { "pv pages", pv_rows,
				      ARRAY_SIZE(pv_rows) };
