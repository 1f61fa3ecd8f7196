// SPDX-License-Identifier: GPL-2.0-only
/* Keep commands from damaging the guest's own memory and state. */
#include <inttypes.h>

#include "base/num.h"
#include "command/guest_guard.h"

/* MSRs that hold an address to which KVM writes, with flags in the low bits
 * (Documentation/virt/kvm/x86/msr.rst). */
static const struct {
	uint64_t flags;
	uint32_t msr, bytes;
} writes_to[] = {
	{ 0, MSR_KVM_WALL_CLOCK, 16 },	   { 1, MSR_KVM_SYSTEM_TIME, 32 },
	{ 0, MSR_KVM_WALL_CLOCK_NEW, 16 }, { 1, MSR_KVM_SYSTEM_TIME_NEW, 32 },
	{ 0x3f, MSR_KVM_STEAL_TIME, 64 },  { 3, MSR_KVM_PV_EOI_EN, 4 },
};

/* MSRs that the guest depends on, or that make KVM inject events for which
 * the guest has no handler. */
static const struct {
	uint32_t msr;
	const char *name;
} vital[] = {
	{ 0x1b, "APIC base" },
	{ 0xc0000080, "EFER" },
	{ 0xc0000100, "FS base" },
	{ 0xc0000101, "GS base" },
	{ MSR_KVM_ASYNC_PF_EN, "async PF" },
	{ MSR_KVM_ASYNC_PF_INT, "async PF interrupt" },
};

/* The target of KVM's write must be RAM and not the guest's own memory. */
static int guard_target(struct machine *m, uint64_t gpa, uint32_t bytes,
			struct err *e)
{
	if (memory_check(&m->memory, gpa, bytes, 1, e))
		return -1;
	return machine_guard(m, gpa, bytes, e);
}

int guest_guard_msr(struct machine *m, uint32_t msr, uint64_t value,
		    struct err *e)
{
	if (m->cfg->no_guard)
		return 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(vital); i++)
		if (vital[i].msr == msr)
			return err_state(
				e,
				"MSR 0x%" PRIx32
				" (%s): the guest depends on its value; gpcvm "
				"run --no-guard allows the write",
				msr, vital[i].name);
	for (unsigned int i = 0; i < ARRAY_SIZE(writes_to); i++) {
		uint64_t flags = writes_to[i].flags;

		if (writes_to[i].msr != msr || (flags && !(value & 1)))
			continue;
		return guard_target(m, value & ~flags, writes_to[i].bytes, e);
	}
	return 0;
}

int guest_guard_hypercall(struct machine *m, const uint64_t arg[5],
			  struct err *e)
{
	/* KVM writes a struct kvm_clock_pairing to a0. */
	if (!m->cfg->no_guard && arg[0] == KVM_HC_CLOCK_PAIRING)
		return guard_target(m, arg[1], 64, e);
	return 0;
}
