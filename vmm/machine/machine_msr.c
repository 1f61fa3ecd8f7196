// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD's performance counters, where KVM has none. Two kinds of kernels use them
 * whatever CPUID says, as they are architectural there:
 * - Linux (arch/x86/events/core.c, check_hw_exists) writes a number to one and
 *   reads it back. A KVM whose PMU is off drops the write and logs it as an error
 *   (arch/x86/kvm/x86.c, kvm_set_msr_common), which fails a scenario.
 * - kvm-unit-tests (lib/x86/pmu.c) zero all of them at their start, and die of
 *   a #GP.
 * So they read as zeros and take a zero; any other value is a #GP, at which
 * Linux takes them for absent.
 */
#include <string.h>

#include "kvm/kvm.h"
#include "machine/machine_msr.h"

void machine_hide_counters(struct machine *m)
{
	static uint8_t none[2];
	struct kvm_msr_filter f = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges = { { .flags = KVM_MSR_FILTER_READ |
				       KVM_MSR_FILTER_WRITE,
			      .base = 0xc0010000, /* K7_EVNTSEL0.. */
			      .nmsrs = 8,
			      .bitmap = none },
			    { .flags = KVM_MSR_FILTER_READ |
				       KVM_MSR_FILTER_WRITE,
			      .base = 0xc0010200, /* F15H_PERF_CTL.. */
			      .nmsrs = 12,
			      .bitmap = none } },
	};
	int r;

	/* 0 before 5.18 as well, which does not tell. */
	if (kvm_check_extension(m->vm, KVM_CAP_PMU_CAPABILITY) > 0)
		return;
	/* Without the two, before 5.10, KVM answers: all of it as zeros. */
	if (kvm_check_extension(m->vm, KVM_CAP_X86_MSR_FILTER) <= 0)
		return;
	r = kvm_enable_cap(m->vm, KVM_CAP_X86_USER_SPACE_MSR,
			   KVM_MSR_EXIT_REASON_FILTER);
	if (r >= 0)
		r = kvm_set_msr_filter(m->vm, &f);
	if (r < 0)
		complain("performance counters are not hidden from the guest: "
			 "%s",
			 strerrordesc_np(-r));
}

enum step machine_msr(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	if (run->exit_reason == KVM_EXIT_X86_RDMSR)
		run->msr.data = 0;
	run->msr.error = run->exit_reason == KVM_EXIT_X86_WRMSR &&
			 run->msr.data != 0;
	return STEP_GO;
}
