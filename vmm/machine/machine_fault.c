// SPDX-License-Identifier: GPL-2.0-only
/* Handles KVM_EXIT_MEMORY_FAULT, and SIGBUS in its place, by the policy. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "machine/machine.h"

static void reason_in_slot(struct machine *m, const struct mem_slot *s,
			   uint64_t gpa, bool private, char *buf, size_t len)
{
	const struct mem_file *f = memory_file(&m->memory, s);
	bool is = attrs_private(&m->memory.attrs, gpa);
	intmax_t id = s - m->memory.slots;

	if (!s->present)
		snprintf(buf, len, "slot %jd is deleted", id);
	else if (m->memory.mode == MEM_GMEM_PRIVATE && is != private)
		snprintf(buf, len, "which is %s", is ? "private" : "shared");
	else if (!f && private)
		snprintf(buf, len,
			 "slot %jd has no gmem file for private memory", id);
	else if (f && f->closed)
		snprintf(buf, len, "the gmem file %u of slot %jd is closed",
			 s->file, id);
	else
		snprintf(buf, len, "slot %jd; KVM does not say why", id);
}

void machine_fault_reason(struct machine *m, uint64_t gpa, bool private,
			  int os_errno, char *buf, size_t len)
{
	const struct mem_slot *s;

	pthread_rwlock_rdlock(&m->memory.lock);
	s = memory_slot(&m->memory, gpa);
	if (!s)
		snprintf(buf, len, "no slot is there");
	else if (os_errno == EHWPOISON)
		snprintf(buf, len, "the page is poisoned");
	else
		reason_in_slot(m, s, gpa, private, buf, len);
	pthread_rwlock_unlock(&m->memory.lock);
}

/* Fill @f; false if it was not an access of the guest. */
static bool read_fault(struct machine *m, struct vcpu *v, struct fault *f)
{
	const struct gpc_memory_fault *run = (const void *)&v->run->hw;
	uintptr_t hva = vcpu_take_bus(v);

	if (v->run->exit_reason == VCPU_EXIT_SIGBUS) {
		*f = (struct fault){ .os_errno = EHWPOISON };
		return !memory_gpa(&m->memory, hva, &f->gpa);
	}
	*f = (struct fault){
		.gpa = run->gpa,
		.private = run->flags & GPC_MEMORY_EXIT_PRIVATE,
		.os_errno = v->fault_errno,
	};
	return true;
}

static void describe(struct machine *m, const struct fault *f, char *buf,
		     size_t len)
{
	char reason[96];

	machine_fault_reason(m, f->gpa, f->private, f->os_errno, reason,
			     sizeof(reason));
	snprintf(buf, len, "memory fault: %s access to gpa 0x%" PRIx64 ", %s",
		 f->private ? "private" : "shared", f->gpa, reason);
}

/*
 * Raise #GP(0) at the instruction of the access. Not #PF: a guest whose page tables
 * are right would just retry. Returns NULL, or why it failed.
 */
static const char *inject(struct vcpu *v)
{
	struct kvm_vcpu_events ev;

	if (kvm_get_vcpu_events(v->fd, &ev))
		return "KVM_GET_VCPU_EVENTS failed";
	/* KVM keeps the event that it was delivering when the access failed
	 * (svm.c, svm_complete_interrupts; vmx.c likewise). */
	if (ev.exception.injected)
		return "the guest was taking an exception";
	ev.flags = 0;
	ev.exception.injected = 1;
	ev.exception.nr = GP_VECTOR;
	ev.exception.has_error_code = 1;
	ev.exception.error_code = 0;
	return kvm_set_vcpu_events(v->fd, &ev) ? "KVM_SET_VCPU_EVENTS failed"
					       : NULL;
}

static enum step end_by_fault(struct machine *m, struct vcpu *v,
			      const char *what, const char *why)
{
	char text[320];

	snprintf(text, sizeof(text), "%s%s%s", what, why ? "; " : "",
		 why ?: "");
	return machine_fail(m, v, STATUS_MEMORY_FAULT, text);
}

static enum step report(struct machine *m, struct vcpu *v,
			const struct fault *f, const char *what,
			uint64_t changes)
{
	const char *why_not;

	snprintf(v->fault_why, sizeof(v->fault_why), "%s", what);
	v->fault_why_errno = f->os_errno;
	m->faults++;
	why_not = inject(v);
	if (why_not)
		return end_by_fault(m, v, v->fault_why, why_not);
	if (seen_is_news(&v->fault_seen, f->gpa, changes))
		event_add(&m->events, EVENT_EXIT, "vcpu %u: %s%s", v->index,
			  v->fault_why,
			  v->faults.set ? "; converting did not help" : "");
	return STEP_GO;
}

/* Give the page the attribute that the access wanted. */
static enum step convert(struct machine *m, struct vcpu *v,
			 const struct fault *f)
{
	uint64_t gpa = f->gpa & ~(PAGE_SIZE - 1);
	const char *to = f->private ? "private" : "shared";
	struct err e;

	/* No change, so no event. */
	if (memory_is_private(&m->memory, gpa) == f->private)
		return STEP_GO;
	if (memory_set_private(&m->memory, gpa, PAGE_SIZE, f->private, &e)) {
		event_add(&m->events, EVENT_EXIT,
			  "vcpu %u: memory fault: cannot convert to %s: %s",
			  v->index, to, e.msg);
		return STEP_GO;
	}
	m->faults_set++;
	event_add(&m->events, EVENT_EXIT,
		  "vcpu %u: memory fault: gpa 0x%" PRIx64 " converted to %s",
		  v->index, gpa, to);
	return STEP_GO;
}

enum step machine_memory_fault(struct machine *m, struct vcpu *v)
{
	char what[sizeof(v->fault_why)];
	struct fault f;
	uint64_t changes;

	if (!read_fault(m, v, &f))
		return end_by_fault(m, v, "SIGBUS for one of gpcvm's own pages",
				    NULL);
	/* In this order: if nothing has changed since the last fault, the
	 * description is of this one. */
	describe(m, &f, what, sizeof(what));
	changes = m->memory.changes;
	switch (fault_decide(&v->faults, m->cfg->fault, &f, changes,
			     m->memory.mode == MEM_GMEM_PRIVATE)) {
	case FAULT_AGAIN:
		m->faults_again++;
		return STEP_GO;
	case FAULT_SET:
		return convert(m, v, &f);
	case FAULT_INJECT:
		return report(m, v, &f, what, changes);
	default:
		return end_by_fault(
			m, v, what,
			v->faults.taken >= FAULT_ROW
				? "the guest's exception handler faults as well"
				: NULL);
	}
}
