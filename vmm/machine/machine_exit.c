// SPDX-License-Identifier: GPL-2.0-only
/* Handles the exits of vCPUs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "machine/machine_internal.h"

static enum step on_io(struct machine *m, struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;

	if (!bus_access(&m->board.bus, v, run->io.port, run->io.size,
			run->io.count, write, data))
		event_add(&m->events, EVENT_EXIT,
			  "vcpu %u: %s unclaimed port 0x%x (logged once)",
			  v->index, write ? "writes" : "reads", run->io.port);
	return STEP_GO;
}

static enum step on_mmio(struct machine *m, struct vcpu *v)
{
	struct kvm_run *run = v->run;

	if (seen_is_news(&v->mmio_seen, run->mmio.phys_addr,
			 m->memory.generation))
		event_add(&m->events, EVENT_EXIT,
			  "vcpu %u: %s %u bytes at gpa 0x%" PRIx64 ", where %s",
			  v->index, run->mmio.is_write ? "writes" : "reads",
			  run->mmio.len, (uint64_t)run->mmio.phys_addr,
			  memory_present(&m->memory, run->mmio.phys_addr)
				  ? "the slot has no page for it"
				  : "no slot is");
	v->mmio++;
	if (!run->mmio.is_write)
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
	return STEP_GO;
}

/* KVM_HC_MAP_GPA_RANGE: the guest converts memory (api.rst,
 * KVM_CAP_EXIT_HYPERCALL: args are gpa, pages, attributes). */
static enum step on_hypercall(struct machine *m, struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint64_t gpa = run->hypercall.args[0], pages = run->hypercall.args[1];
	bool private = run->hypercall.args[2] & KVM_MAP_GPA_RANGE_ENCRYPTED;
	struct err e;

	run->hypercall.ret = (uint64_t)-22; /* -KVM_EINVAL */
	if (run->hypercall.nr != KVM_HC_MAP_GPA_RANGE ||
	    pages > UINT64_MAX / PAGE_SIZE)
		return STEP_GO;
	/* The built-in guest must not convert its own memory; a kernel may. */
	if ((!m->cfg->kernel && machine_guard(m, gpa, pages * PAGE_SIZE, &e)) ||
	    memory_set_private(&m->memory, gpa, pages * PAGE_SIZE, private,
			       &e)) {
		event_add(&m->events, EVENT_GUEST,
			  "vcpu %u: convert refused: %s", v->index, e.msg);
		return STEP_GO;
	}
	run->hypercall.ret = 0;
	event_add(&m->events, EVENT_GUEST,
		  "vcpu %u: gpa 0x%" PRIx64 ", %" PRIu64 " pages to %s",
		  v->index, gpa, pages, private ? "private" : "shared");
	return STEP_GO;
}

static enum step on_internal(struct machine *m, struct vcpu *v)
{
	struct kvm_run *run = v->run;
	char why[200];
	int n = snprintf(why, sizeof(why), "KVM internal error, suberror %u",
			 run->internal.suberror);

	for (unsigned int i = 0; i < run->internal.ndata && i < 4 && n > 0 &&
				 (size_t)n < sizeof(why);
	     i++)
		n += snprintf(why + n, sizeof(why) - (size_t)n, "%s0x%" PRIx64,
			      i ? " " : ", data ",
			      (uint64_t)run->internal.data[i]);
	return machine_fail(m, v, STATUS_KVM, why);
}

static enum step on_system(struct machine *m, struct vcpu *v)
{
	bool reset = v->run->system_event.type == KVM_SYSTEM_EVENT_RESET;

	machine_end(m, reset ? STATUS_RESET : STATUS_OK,
		    "vCPU %u: the guest requested %s", v->index,
		    reset ? "a reset" : "shutdown");
	return STEP_END;
}

static enum step dispatch(struct machine *m, struct vcpu *v)
{
	char why[128];

	switch (v->run->exit_reason) {
	case KVM_EXIT_IO:
		return on_io(m, v);
	case KVM_EXIT_MMIO:
		return on_mmio(m, v);
	case KVM_EXIT_HLT:
		v->halted = true;
		return STEP_GO;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return STEP_GO;
	case KVM_EXIT_HYPERCALL:
		return on_hypercall(m, v);
	case GPC_EXIT_MEMORY_FAULT:
	case VCPU_EXIT_SIGBUS:
		return machine_memory_fault(m, v);
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		return machine_msr(v);
	case KVM_EXIT_SYSTEM_EVENT:
		return on_system(m, v);
	case KVM_EXIT_SHUTDOWN:
		return machine_fail(m, v, STATUS_TRIPLE_FAULT,
				    "triple fault (KVM_EXIT_SHUTDOWN)");
	case KVM_EXIT_INTERNAL_ERROR:
		return on_internal(m, v);
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(why, sizeof(why),
			 "the hardware refused to enter the "
			 "guest, reason 0x%" PRIx64,
			 (uint64_t)v->run->fail_entry
				 .hardware_entry_failure_reason);
		return machine_fail(m, v, STATUS_KVM, why);
	case KVM_EXIT_UNKNOWN:
		snprintf(why, sizeof(why), "KVM_RUN failed: %s",
			 strerrordesc_np(
				 (int)-(int64_t)v->run->hw.hardware_exit_reason)
				 ?: "unknown exit");
		return machine_fail(m, v, STATUS_KVM, why);
	default:
		snprintf(why, sizeof(why), "unknown KVM exit %u",
			 v->run->exit_reason);
		return machine_fail(m, v, STATUS_KVM, why);
	}
}

enum step machine_exit(struct vcpu *v, void *arg)
{
	struct machine *m = arg;
	enum step s;

	if (v->run->exit_reason != GPC_EXIT_MEMORY_FAULT &&
	    v->run->exit_reason != VCPU_EXIT_SIGBUS)
		fault_progress(&v->faults);
	s = dispatch(m, v);

	return m->ending ? STEP_END : s;
}
