// SPDX-License-Identifier: GPL-2.0-only
/* The machine's vCPUs: their first registers, starting and stopping them. */
#include <asm/processor-flags.h>
#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"
#include "kvm/kvm.h"
#include "kvm/xen.h"
#include "machine/machine_internal.h"
#include "vcpu/patience.h"

/* KVM's own halt_poll_ns is of this order. */
#define SPIN_NS		   100000

/* KVM does not list it, but has it with an in-kernel local APIC (api.rst,
 * KVM_GET_SUPPORTED_CPUID). */
#define CPUID_TSC_DEADLINE (1U << 24)
/* Without it Linux ignores KVM's leaves. */
#define CPUID_HYPERVISOR   (1U << 31)

#define EFER_LME	   (1U << 8)
#define EFER_LMA	   (1U << 10)

/* As firmware leaves it: MTRRs on, write-back by default. */
#define MSR_MTRR_DEF_TYPE  0x2ff
#define MTRR_ON_WB	   0x806

static int set_cpuid(struct machine *m, int fd, unsigned int index,
		     struct err *e)
{
	int r;

	for (unsigned int i = 0; i < m->cpuid->head.nent; i++) {
		struct kvm_cpuid_entry2 *c = &m->cpuid->entries[i];

		/* The local APIC's id; in the extended leaves, the x2APIC's. */
		if (c->function == 1 && m->cfg->kernel && m->tsc_deadline)
			c->ecx |= CPUID_TSC_DEADLINE;
		if (c->function == 1 && m->cfg->kernel)
			c->ecx |= CPUID_HYPERVISOR;
		if (c->function == 1)
			c->ebx = (c->ebx & 0x00ffffff) | (index & 0xff) << 24;
		else if (c->function == 0xb || c->function == 0x1f)
			c->edx = index;
		else if (c->function == 0x8000001e) /* AMD's */
			c->eax = index;
	}
	r = kvm_set_cpuid(fd, m->cpuid);
	return r < 0 ? err_kvm(e, -r, "KVM_SET_CPUID2 of vCPU %u", index) : 0;
}

static struct kvm_segment flat(uint8_t type, uint16_t selector)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

/* 64-bit mode, as Linux has it: boot.h. */
static void long_mode(struct kvm_sregs *s, const struct boot_long *l)
{
	s->cs = flat(0xb, 0x10);
	s->cs.db = 0;
	s->cs.l = 1;
	s->ds = s->es = s->fs = s->gs = s->ss = flat(0x3, 0x18);
	s->gdt.base = l->gdt;
	s->gdt.limit = BOOT_GDT_ENTRIES * 8 - 1;
	s->cr3 = l->cr3;
	s->cr4 = X86_CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
	s->cr0 |= X86_CR0_PG;
}

/* 32-bit protected mode, flat, paging off: guest/doorbell.h, "Entry". With @l,
 * 64-bit mode. */
static int set_sregs(struct vcpu *v, const struct boot_long *l, struct err *e)
{
	struct kvm_sregs s;
	int r = kvm_get_sregs(v->fd, &s);

	if (r)
		return err_kvm(e, -r, "KVM_GET_SREGS of vCPU %u", v->index);
	s.cs = flat(0xb, 8);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(0x3, 16);
	s.cr0 = X86_CR0_PE | X86_CR0_ET;
	if (l && l->cr3)
		long_mode(&s, l);
	r = kvm_set_sregs(v->fd, &s);
	return r ? err_kvm(e, -r, "KVM_SET_SREGS of vCPU %u", v->index) : 0;
}

static int set_regs(struct vcpu *v, const struct kvm_regs *regs, struct err *e)
{
	int r = vcpu_set_regs(v, regs);

	return r ? err_kvm(e, -r, "KVM_SET_REGS of vCPU %u", v->index) : 0;
}

struct kvm_regs machine_guest_regs(const struct machine *m, unsigned int index,
				   uint32_t entry)
{
	return (struct kvm_regs){
		.rax = ENTRY_MAGIC,
		.rbx = index,
		.rcx = m->layout.areas.gpa + (uint64_t)index * VCPU_AREA_SIZE,
		.rsi = m->layout.fdt.gpa,
		.rip = entry,
		.rflags = X86_EFLAGS_FIXED,
	};
}

int machine_enter_guest(struct machine *m, struct vcpu *v, struct err *e)
{
	return set_sregs(v, &m->boot->lm, e) || set_regs(v, &m->boot->regs, e)
		       ? -1
		       : 0;
}

/* Where the vCPU starts, if it does: the others of a built-in guest hold, and KVM
 * has those of a --kernel wait for a SIPI. */
static int set_start(struct machine *m, struct vcpu *v, struct err *e)
{
	static const struct kvm_regs loader = { .rdi = LIST_AT,
						.rip = LOADER_BASE,
						.rflags = X86_EFLAGS_FIXED };

	if (v->index)
		return m->cfg->kernel ? 0 : set_sregs(v, NULL, e);
	if (!m->feed)
		return machine_enter_guest(m, v, e);
	return set_sregs(v, NULL, e) || set_regs(v, &loader, e) ? -1 : 0;
}

static int make_vcpu(struct machine *m, unsigned int index, size_t run_size,
		     struct err *e)
{
	int sync = kvm_check_extension(m->kvm, KVM_CAP_SYNC_REGS);
	bool sync_regs = sync > 0 && sync & KVM_SYNC_X86_REGS;
	struct vcpu *v = &m->vcpus[index];
	int fd = kvm_create_vcpu(m->vm, index), r;

	if (fd < 0)
		return err_kvm(e, -fd, "KVM_CREATE_VCPU %u", index);
	m->nr_vcpus = index + 1; /* the fd is the vCPU's from here on */
	if (vcpu_init(v, index, fd, run_size, sync_regs, e))
		return -1;
	r = kvm_get_tsc_khz(fd); /* here, as it waits for a vCPU that runs */
	if (r < 0)
		return err_kvm(e, -r, "KVM_GET_TSC_KHZ of vCPU %u", index);
	v->tsc_khz = (uint32_t)r;
	v->exit = machine_exit;
	v->exit_arg = m;
	/* With local APICs, KVM_RUN itself waits for a SIPI. */
	v->hold = index != 0 && !m->cfg->kernel;
	/* Only if a CPU is left for the thread that sends the next job. */
	if (m->cfg->vcpus < m->cpus)
		v->spin_ns = SPIN_NS;
	if (m->cfg->flavour == PV_XEN && xen_make_vcpu(fd, index, e))
		return -1;
	if (set_cpuid(m, fd, index, e))
		return -1;
	r = m->cfg->kernel ? kvm_set_msr(fd, MSR_MTRR_DEF_TYPE, MTRR_ON_WB) : 0;
	if (r < 0)
		warn("vCPU %u: setting MTRRdefType to write-back: %s", index,
		     strerrordesc_np(-r));
	return set_start(m, v, e);
}

int machine_make_vcpus(struct machine *m, struct err *e)
{
	unsigned int n = m->cfg->vcpus;
	int size = kvm_vcpu_mmap_size(m->kvm), r;

	m->vcpus = calloc(n, sizeof(*m->vcpus));
	m->cpuid = calloc(1, sizeof(*m->cpuid));
	if (!m->vcpus || !m->cpuid)
		return err_os(e, ENOMEM, "memory for %u vCPUs", n);
	if (size < 0)
		return err_kvm(e, -size, "KVM_GET_VCPU_MMAP_SIZE");
	r = kvm_supported_cpuid(m->kvm, m->cpuid);
	if (r)
		return err_kvm(e, -r, "KVM_GET_SUPPORTED_CPUID");
	for (unsigned int i = 0; i < n; i++)
		if (make_vcpu(m, i, (size_t)size, e))
			return -1;
	free(m->cpuid);
	m->cpuid = NULL;
	return 0;
}

void machine_free_vcpus(struct machine *m)
{
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		vcpu_free(&m->vcpus[i]);
	free(m->vcpus);
	free(m->cpuid);
}

struct start {
	struct machine *m;
	sem_t done;
	int result;
	struct err err;
};

/* On vCPU 0's thread: the others inherit its filter, so that the kernel translates it
 * only once, and no thread is needed just to start them. */
static void start_vcpus(void *arg)
{
	struct start *s = arg;

	s->result = sandbox_enter(&s->m->sandbox, SANDBOX_VCPU, &s->err);
	for (unsigned int i = 1; i < s->m->nr_vcpus && !s->result; i++)
		s->result = vcpu_start(&s->m->vcpus[i], NULL, NULL, &s->err);
	if (s->result)
		vcpu_stop(&s->m->vcpus[0]);
	sem_post(&s->done);
}

int machine_start(struct machine *m, struct err *e)
{
	struct start s = { .m = m };
	int r;

	sem_init(&s.done, 0, 0);
	r = vcpu_start(&m->vcpus[0], start_vcpus, &s, e);
	if (r)
		return r;
	while (sem_wait(&s.done))
		;
	if (s.result)
		*e = s.err;
	return s.result;
}

bool machine_stop(struct machine *m)
{
	char doing[VCPU_DOING];
	bool all = true;

	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		vcpu_stop(&m->vcpus[i]);
	for (unsigned int i = 0; i < m->nr_vcpus; i++) {
		if (vcpu_join(&m->vcpus[i]))
			continue;
		vcpu_doing(&m->vcpus[i], now_ns(), doing, sizeof(doing));
		warn("vCPU %u does not leave the kernel: exiting without it (%s)",
		     i, doing);
		all = false;
	}
	return all;
}

void machine_start_aps(struct machine *m, uint32_t entry)
{
	struct kvm_regs regs;
	struct err e;

	for (unsigned int i = 1; i < m->nr_vcpus; i++) {
		struct vcpu *v = &m->vcpus[i];

		/* It is held outside KVM_RUN until the release, so one thread
		 * may use its fd. On a PC none is held: KVM starts them at a
		 * SIPI. */
		if (!vcpu_claim(v)) {
			event_add(&m->events, EVENT_GUEST,
				  "asks to start vCPU %u again", i);
			continue;
		}
		regs = machine_guest_regs(m, i, entry);
		if (set_regs(v, &regs, &e)) {
			machine_end(m, STATUS_KVM, "%s", e.msg);
			return;
		}
		vcpu_release(v);
	}
}
