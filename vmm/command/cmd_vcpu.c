// SPDX-License-Identifier: GPL-2.0-only
/* vcpu: a vCPU's thread and registers. */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "command/handlers.h"
#include "kvm/kvm.h"

static int regs_job(struct request *rq, struct vcpu *v)
{
	struct json *j = &rq->reply;
	struct kvm_regs r;
	struct kvm_sregs s;
	int ret = vcpu_get_regs(v, &r);

	if (!ret)
		ret = kvm_get_sregs(v->fd, &s);
	if (ret)
		return err_kvm(&rq->err, -ret,
			       "reading the registers of vCPU %u", v->index);
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "rip", r.rip }, { "rsp", r.rsp },   { "rflags", r.rflags },
		{ "rax", r.rax }, { "rbx", r.rbx },   { "rcx", r.rcx },
		{ "rdx", r.rdx }, { "rsi", r.rsi },   { "rdi", r.rdi },
		{ "rbp", r.rbp }, { "r8", r.r8 },     { "r9", r.r9 },
		{ "r10", r.r10 }, { "r11", r.r11 },   { "r12", r.r12 },
		{ "r13", r.r13 }, { "r14", r.r14 },   { "r15", r.r15 },
		{ "cr0", s.cr0 }, { "cr2", s.cr2 },   { "cr3", s.cr3 },
		{ "cr4", s.cr4 }, { "efer", s.efer },
	};

	json_num(j, "vcpu", v->index);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		json_hex(j, rows[i].name, rows[i].value);
	return 0;
}

/* A job runs between two KVM_RUNs: the vCPU has left the guest and, with the
 * flag set, does not enter it again. */
static int pause_job(struct request *rq, struct vcpu *v)
{
	json_num(&rq->reply, "vcpu", v->index);
	json_str(&rq->reply, "state", rq->arg[0] ? "paused" : "resumed");
	return 0;
}

static int vcpu_pin_to(struct request *rq, unsigned int vcpu)
{
	uint64_t cpu;
	int r;

	if (rq->argc != 3)
		return err_usage(&rq->err, "expected: vcpu %u pin CPU", vcpu);
	if (num_parse_range(rq->argv[2], "the host CPU", 0, 1 << 16, &cpu,
			    &rq->err))
		return -1;
	r = vcpu_pin(&rq->m->vcpus[vcpu], (unsigned int)cpu);
	if (r)
		return err_set(&rq->err, ERR_RANGE, -r,
			       "pinning to host CPU %" PRIu64
			       " (does it exist, and is it allowed?)",
			       cpu);
	json_num(&rq->reply, "vcpu", vcpu);
	json_num(&rq->reply, "cpu", cpu);
	return 0;
}

int cmd_vcpu(struct request *rq)
{
	const char *what = rq->argv[1];
	unsigned int vcpu;

	if (request_vcpu(rq, 0, &vcpu))
		return -1;
	if (!strcmp(what, "pin"))
		return vcpu_pin_to(rq, vcpu);
	if (rq->argc != 2)
		return err_usage(&rq->err, "vcpu %u %.32s takes no argument",
				 vcpu, what);
	if (!strcmp(what, "regs"))
		return request_on_vcpu(rq, vcpu, JOB_HOST, regs_job, NULL);
	if (strcmp(what, "pause") && strcmp(what, "resume"))
		return err_usage(
			&rq->err,
			"vcpu %u: expected pause, resume, regs or pin CPU, got "
			"'%.32s'",
			vcpu, what);
	rq->arg[0] = what[0] == 'p';
	vcpu_pause(&rq->m->vcpus[vcpu], rq->arg[0]);
	return request_on_vcpu(rq, vcpu, JOB_HOST, pause_job, NULL);
}
