// SPDX-License-Identifier: GPL-2.0-only
/* The PC of a --kernel: interrupt controllers, timer, and the MSRs that gpcvm
 * answers. */
#include <string.h>

#include "kvm/kvm.h"
#include "machine/machine_internal.h"

/* Three pages for VMX without unrestricted guest, at QEMU's address: below the BIOS
 * of a PC, and in none of our slots. */
#define TSS_ADDR 0xfffbd000UL

#define PIC_PINS 16

static void route(struct kvm_irq_routing *r, uint32_t gsi, uint32_t chip,
		  uint32_t pin)
{
	r->entries[r->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { chip, pin },
	};
}

/* As on a PC, the timer (line 0) goes to pin 2 of the IO-APIC, and line 2 (the
 * second PIC) nowhere. KVM's default routing has the timer at pin 0. */
static int route_lines(struct machine *m, struct err *e)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry
			entries[PIC_PINS + KVM_IOAPIC_NUM_PINS];
	} t = { 0 };
	int r;

	for (uint32_t i = 0; i < PIC_PINS; i++)
		if (i != 2)
			route(&t.head, i,
			      i < 8 ? KVM_IRQCHIP_PIC_MASTER
				    : KVM_IRQCHIP_PIC_SLAVE,
			      i % 8);
	for (uint32_t i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		if (i != 2)
			route(&t.head, i, KVM_IRQCHIP_IOAPIC, i ? i : 2);
	r = kvm_set_gsi_routing(m->vm, &t.head);
	return r ? err_kvm(e, -r, "KVM_SET_GSI_ROUTING") : 0;
}

/*
 * Hide AMD's performance counters if KVM has no PMU. Two kinds of kernels use them
 * whatever CPUID says, because they are architectural on AMD:
 * - Linux (arch/x86/events/core.c, check_hw_exists) writes a number to one and
 *   reads it back. A KVM whose PMU is off drops the write and logs it as an error
 *   (arch/x86/kvm/x86.c, kvm_set_msr_common), which fails a scenario.
 * - kvm-unit-tests (lib/x86/pmu.c) zero all of them at their start, and die of
 *   a #GP.
 * So they read as zeros and accept zero. Any other value raises #GP, from which
 * Linux concludes that they are absent.
 */
static void hide_counters(struct machine *m)
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

	/* Also 0 before 5.18, whatever the PMU. */
	if (kvm_check_extension(m->vm, KVM_CAP_PMU_CAPABILITY) > 0)
		return;
	/* Before 5.10 KVM itself reads them as zeros. */
	if (kvm_check_extension(m->vm, KVM_CAP_X86_MSR_FILTER) <= 0)
		return;
	r = kvm_enable_cap(m->vm, KVM_CAP_X86_USER_SPACE_MSR,
			   KVM_MSR_EXIT_REASON_FILTER);
	if (r >= 0)
		r = kvm_set_msr_filter(m->vm, &f);
	if (r < 0)
		warn("cannot hide performance counters from the guest: %s",
		     strerrordesc_np(-r));
}

int machine_make_chips(struct machine *m, struct err *e)
{
	int r = kvm_set_tss_addr(m->vm, TSS_ADDR);

	if (r)
		return err_kvm(e, -r, "KVM_SET_TSS_ADDR");
	r = kvm_create_irqchip(m->vm);
	if (r)
		return err_kvm(e, -r, "KVM_CREATE_IRQCHIP: --kernel needs it");
	r = kvm_create_pit2(m->vm, KVM_PIT_SPEAKER_DUMMY);
	if (r)
		return err_kvm(e, -r, "KVM_CREATE_PIT2: --kernel needs it");
	hide_counters(m);
	m->tsc_deadline =
		kvm_check_extension(m->vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	return route_lines(m, e);
}

void machine_irq(struct machine *m, unsigned int line, bool level)
{
	int r = kvm_irq_line(m->vm, line, level);

	if (r < 0)
		warn("KVM_IRQ_LINE of line %u: %s", line, strerrordesc_np(-r));
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
