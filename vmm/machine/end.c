// SPDX-License-Identifier: GPL-2.0-only
/* Ends a machine, and reports why. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "machine/machine.h"

void machine_end(struct machine *m, int status, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&m->end_lock);
	if (!m->ending) {
		m->status = status;
		va_start(ap, fmt);
		vsnprintf(m->reason, sizeof(m->reason), fmt, ap);
		va_end(ap);
		event_add(&m->events, EVENT_MACHINE, "ends with status %d: %s",
			  status, m->reason);
		m->ending = true;
		loop_wake(m->end_fd);
	}
	pthread_mutex_unlock(&m->end_lock);
}

static void segment_line(const char *name, const struct kvm_segment *s)
{
	warn_lines("  %-4s %04x base %016" PRIx64 " limit %08x type %x%s%s\n",
		   name, s->selector, (uint64_t)s->base, s->limit, s->type,
		   s->l ? " 64-bit" : "", s->present ? "" : " not present");
}

void machine_show_regs(struct machine *m, struct vcpu *v)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	(void)m;
	if (vcpu_get_regs(v, &r) || kvm_get_sregs(v->fd, &s)) {
		warn_lines("  (cannot read the registers)\n");
		return;
	}
	warn_lines(
		"vCPU %u:\n"
		"  rip %016llx  rsp %016llx  rflags %08llx\n"
		"  rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx\n"
		"  rsi %016llx  rdi %016llx  rbp %016llx\n"
		"  r8  %016llx  r9  %016llx  r10 %016llx  r11 %016llx\n"
		"  r12 %016llx  r13 %016llx  r14 %016llx  r15 %016llx\n"
		"  cr0 %08llx  cr2 %016llx  cr3 %016llx  cr4 %08llx  efer %04llx\n",
		v->index, r.rip, r.rsp, r.rflags, r.rax, r.rbx, r.rcx, r.rdx,
		r.rsi, r.rdi, r.rbp, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13,
		r.r14, r.r15, s.cr0, s.cr2, s.cr3, s.cr4, s.efer);
	segment_line("cs", &s.cs);
	segment_line("ss", &s.ss);
	segment_line("ds", &s.ds);
}

enum step machine_fail(struct machine *m, struct vcpu *v, int status,
		       const char *why)
{
	event_add(&m->events, EVENT_EXIT, "vcpu %u: %s", v->index, why);
	machine_end(m, status, "vCPU %u: %s", v->index, why);
	machine_show_regs(m, v);
	return STEP_END;
}
