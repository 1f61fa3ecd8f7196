// SPDX-License-Identifier: GPL-2.0-only
/* guest VCPU OP: operations of the guest's agent. The table has a row per
 * operation: `prepare` checks the arguments on the main thread, `run` calls the
 * agent on the vCPU's thread. */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "command/guest_guard.h"
#include "command/handlers.h"
#include "command/guest_time.h"
#include "control/operate.h"

#define READ_MAX 4096
#define CHUNK	 (64 * KIB) /* per operation, within the agent's time limit */

/* Parse the GPA at words[i]. GPA..GPA+@len must be in RAM and, if @writes, not
 * be the guest's own memory. */
static int prepare_target(struct request *rq, int i, uint64_t len,
			  uint64_t align, bool writes)
{
	struct pv_page *page;

	if (request_gpa(rq, i, &rq->arg[0], &page) ||
	    memory_check(&rq->m->memory, rq->arg[0], len, align, &rq->err))
		return -1;
	rq->arg[1] = len;
	return writes ? machine_guard(rq->m, rq->arg[0], len, &rq->err) : 0;
}

/* Call before and after writing: an operation on the page in
 * between must not hide it. */
static void scribble(struct request *rq)
{
	model_scribble(&rq->m->pv.model, rq->arg[0], rq->arg[1]);
}

/* ---- read, write -------------------------------------------------------- */

static int prepare_read(struct request *rq)
{
	struct pv_page *page;
	uint64_t gpa, len = 8;

	if (request_gpa(rq, 2, &gpa, &page))
		return -1;
	if (page)
		len = page->kind->size;
	if (rq->argc > 3 && num_parse_range(rq->argv[3], "the length", 1,
					    READ_MAX, &len, &rq->err))
		return -1;
	return prepare_target(rq, 2, len, 1, false);
}

static int run_read(struct request *rq, struct vcpu *v)
{
	const unsigned int most = (DB_WORDS - 1) * 8;
	uint8_t buf[READ_MAX];
	uint64_t value = 0;

	for (uint64_t at = 0, n; at < rq->arg[1]; at += n) {
		n = rq->arg[1] - at < most ? rq->arg[1] - at : most;
		struct agent_op op = { .op = OP_READ,
				       .in = { rq->arg[0] + at, n } };

		if (agent_do(v, &op, &rq->err))
			return -1;
		memcpy(buf + at, &op.out[1], n);
	}
	reply_range(rq, rq->arg[0], rq->arg[1]);
	json_bytes(&rq->reply, "data", buf, rq->arg[1]);
	if (rq->arg[1] <= sizeof(value)) {
		memcpy(&value, buf, rq->arg[1]);
		json_hex(&rq->reply, "value", value);
	}
	return 0;
}

static int prepare_write(struct request *rq)
{
	uint64_t size = 8;

	if (num_parse(rq->argv[3], "the value", &rq->arg[2], &rq->err))
		return -1;
	if (rq->argc > 4 && num_parse(rq->argv[4], "the size", &size, &rq->err))
		return -1;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return err_range(
			&rq->err,
			"size: expected 1, 2, 4 or 8 bytes, got %" PRIu64,
			size);
	if (size < 8 && rq->arg[2] >> (size * 8))
		return err_range(&rq->err,
				 "value 0x%" PRIx64
				 " does not fit into %" PRIu64 " bytes",
				 rq->arg[2], size);
	return prepare_target(rq, 2, size, 1, true);
}

static int run_write(struct request *rq, struct vcpu *v)
{
	struct agent_op op = { .op = OP_WRITE,
			       .in = { rq->arg[0], rq->arg[1], rq->arg[2] } };

	scribble(rq);
	if (agent_do(v, &op, &rq->err))
		return -1;
	scribble(rq);
	reply_range(rq, rq->arg[0], rq->arg[1]);
	json_hex(&rq->reply, "value", rq->arg[2]);
	return 0;
}

/* ---- whole ranges: fill, hash, touch ------------------------------------ */

/* Run @op over the range in chunks. Sets in[0] and in[1]. With @sum, add up the
 * results w1; otherwise op->out keeps the last result. */
static int run_chunks(struct request *rq, struct vcpu *v, struct agent_op *op,
		      uint64_t *sum)
{
	for (uint64_t at = 0, n; at < rq->arg[1]; at += n) {
		n = rq->arg[1] - at < CHUNK ? rq->arg[1] - at : CHUNK;
		op->in[0] = rq->arg[0] + at;
		op->in[1] = n;
		if (agent_do(v, op, &rq->err))
			return -1;
		if (sum)
			*sum += op->out[1];
		else
			op->in[2] = op->out[1]; /* hash continues from there */
		if (rq->job.cancelled)
			return err_state(&rq->err,
					 "cancelled at gpa 0x%" PRIx64,
					 rq->arg[0] + at);
	}
	return 0;
}

static int prepare_fill(struct request *rq)
{
	uint64_t len;

	if (num_parse(rq->argv[3], "the length", &len, &rq->err) ||
	    num_parse_range(rq->argv[4], "the byte", 0, 255, &rq->arg[2],
			    &rq->err))
		return -1;
	return prepare_target(rq, 2, len, 1, true);
}

static int run_fill(struct request *rq, struct vcpu *v)
{
	struct agent_op op = { .op = OP_FILL, .in = { 0, 0, rq->arg[2] } };
	uint64_t ignored = 0;

	scribble(rq);
	if (run_chunks(rq, v, &op, &ignored))
		return -1;
	scribble(rq);
	reply_range(rq, rq->arg[0], rq->arg[1]);
	return 0;
}

static int prepare_hash(struct request *rq)
{
	uint64_t len;

	if (num_parse(rq->argv[3], "the length", &len, &rq->err))
		return -1;
	return prepare_target(rq, 2, len, 8, false);
}

static int run_hash(struct request *rq, struct vcpu *v)
{
	struct agent_op op = { .op = OP_HASH, .in = { 0, 0, HASH_INIT } };

	if (run_chunks(rq, v, &op, NULL))
		return -1;
	reply_range(rq, rq->arg[0], rq->arg[1]);
	json_hex(&rq->reply, "hash", op.out[1]);
	return 0;
}

static int prepare_touch(struct request *rq)
{
	uint64_t len = 1;
	int last = rq->argc - 1;

	rq->arg[2] = !strcmp(rq->argv[last], "write");
	if (rq->arg[2] || !strcmp(rq->argv[last], "read"))
		last--;
	if (last > 3)
		return err_usage(&rq->err,
				 "unexpected argument '%.32s': touch GPA [LEN] "
				 "[read|write]",
				 rq->argv[4]);
	if (last == 3 && num_parse(rq->argv[3], "the length", &len, &rq->err))
		return -1;
	return prepare_target(rq, 2, len, 1, rq->arg[2]);
}

static int run_touch(struct request *rq, struct vcpu *v)
{
	uint64_t pages;

	if (operate_touch(v, rq->arg[0], rq->arg[1], rq->arg[2],
			  &rq->job.cancelled, &pages, &rq->err))
		return -1;
	reply_range(rq, rq->arg[0], rq->arg[1]);
	json_num(&rq->reply, "pages", pages);
	return 0;
}

/* ---- canary, convert ---------------------------------------------------- */

static int prepare_canary(struct request *rq)
{
	const char *what = rq->argv[3];

	rq->arg[2] = strcmp(what, "plant") ? CANARY_CHECK : CANARY_PLANT;
	if (rq->arg[2] == CANARY_CHECK && strcmp(what, "check"))
		return err_usage(&rq->err,
				 "canary: expected plant or check, got '%.32s'",
				 what);
	return prepare_target(rq, 2, PAGE_SIZE, PAGE_SIZE, !rq->arg[2]);
}

static int run_canary(struct request *rq, struct vcpu *v)
{
	static const char *const states[] = {
		[CANARY_PLANT] = "planted",    [CANARY_INTACT] = "intact",
		[CANARY_ZEROS] = "zeros",      [CANARY_CHANGED] = "changed",
		[CANARY_NONE] = "not planted",
	};
	struct agent_op op = { .op = OP_CANARY,
			       .in = { rq->arg[0], rq->arg[2] } };
	uint64_t s;

	if (rq->arg[2] == CANARY_PLANT)
		scribble(rq);
	if (agent_do(v, &op, &rq->err))
		return -1;
	if (rq->arg[2] == CANARY_PLANT)
		scribble(rq);
	s = op.out[1];
	reply_range(rq, rq->arg[0], rq->arg[1]);
	json_str(&rq->reply, "state",
		 s < ARRAY_SIZE(states) && states[s] ? states[s] : "unknown");
	if (s == CANARY_CHANGED)
		json_hex(&rq->reply, "offset", op.out[2]);
	return 0;
}

static int prepare_convert(struct request *rq)
{
	const char *word = rq->argv[rq->argc - 1];
	uint64_t len = PAGE_SIZE;
	bool private;

	if (arg_attr(word, &private, &rq->err))
		return -1;
	rq->arg[2] = private;
	if (rq->argc == 5 &&
	    num_parse(rq->argv[3], "the length", &len, &rq->err))
		return -1;
	if (prepare_target(rq, 2, len, PAGE_SIZE, true))
		return -1;
	return memory_can_be_private(&rq->m->memory, &rq->err);
}

static int run_convert(struct request *rq, struct vcpu *v)
{
	struct agent_op op = {
		.op = OP_HYPERCALL,
		.in = { KVM_HC_MAP_GPA_RANGE, rq->arg[0],
			rq->arg[1] / PAGE_SIZE,
			rq->arg[2] ? KVM_MAP_GPA_RANGE_ENCRYPTED : 0 },
	};

	if (agent_do(v, &op, &rq->err))
		return -1;
	if (op.out[1])
		return err_kvm(
			&rq->err, 0,
			"KVM_HC_MAP_GPA_RANGE returned %" PRId64
			" to the guest ('log' has the reason if gpcvm refused)",
			(int64_t)op.out[1]);
	reply_range(rq, rq->arg[0], rq->arg[1]);
	json_str(&rq->reply, "attribute", rq->arg[2] ? "private" : "shared");
	return 0;
}

/* ---- MSRs, hypercalls, halt, nop ---------------------------------------- */

static int prepare_rdmsr(struct request *rq)
{
	return num_parse_range(rq->argv[2], "the MSR", 0, UINT32_MAX,
			       &rq->arg[0], &rq->err);
}

static int run_rdmsr(struct request *rq, struct vcpu *v)
{
	struct agent_op op = { .op = OP_RDMSR, .in = { rq->arg[0] } };

	if (agent_do(v, &op, &rq->err))
		return -1;
	json_hex(&rq->reply, "msr", rq->arg[0]);
	json_hex(&rq->reply, "value", op.out[1]);
	return 0;
}

static int prepare_wrmsr(struct request *rq)
{
	if (prepare_rdmsr(rq) ||
	    num_parse(rq->argv[3], "the value", &rq->arg[1], &rq->err))
		return -1;
	return guest_guard_msr(rq->m, (uint32_t)rq->arg[0], rq->arg[1],
			       &rq->err);
}

static int run_wrmsr(struct request *rq, struct vcpu *v)
{
	struct agent_op op = { .op = OP_WRMSR,
			       .in = { rq->arg[0], rq->arg[1] } };

	if (agent_do(v, &op, &rq->err)) {
		if (v->agent.lost)
			pv_doubt_msr(&rq->m->pv, v->index,
				     (uint32_t)rq->arg[0]);
		return -1;
	}
	pv_note_msr(&rq->m->pv, v->index, (uint32_t)rq->arg[0], rq->arg[1]);
	json_hex(&rq->reply, "msr", rq->arg[0]);
	json_hex(&rq->reply, "value", rq->arg[1]);
	return 0;
}

static int prepare_hypercall(struct request *rq)
{
	for (int i = 2; i < rq->argc; i++)
		if (num_parse(rq->argv[i], "a hypercall's argument",
			      &rq->arg[i - 2], &rq->err))
			return -1;
	for (int i = rq->argc; i < 7; i++)
		rq->arg[i - 2] = 0;
	return guest_guard_hypercall(rq->m, rq->arg, &rq->err);
}

static int run_hypercall(struct request *rq, struct vcpu *v)
{
	struct agent_op op = { .op = OP_HYPERCALL };

	memcpy(op.in, rq->arg, 5 * sizeof(rq->arg[0]));
	if (agent_call(v, &op, &rq->err))
		return -1;
	/* #UD: this KVM does not emulate the vendor's instruction. */
	if (op.out[0] == ST_FAULT && op.out[1] == 6)
		return err_unsupported(
			&rq->err,
			"the guest's hypercall instruction raised #UD: not "
			"supported by this KVM");
	if (op.out[0] == ST_FAULT)
		return err_kvm(
			&rq->err, 0,
			"the guest's hypercall instruction raised vector "
			"%" PRIu64,
			op.out[1]);
	if (op.out[0] != ST_OK)
		return err_unsupported(
			&rq->err,
			"the agent of this guest cannot make hypercalls");
	json_num(&rq->reply, "nr", rq->arg[0]);
	json_hex(&rq->reply, "ret", op.out[1]);
	return 0;
}

static int run_plain(struct request *rq, struct vcpu *v)
{
	struct agent_op op = {
		.op = strcmp(rq->argv[1], "halt") ? OP_NOP : OP_HALT,
	};

	if (agent_do(v, &op, &rq->err))
		return -1;
	json_str(&rq->reply, "state", v->halted ? "halted" : "idle");
	return 0;
}

/* ---- the guest kernel's time -------------------------------------------- */

static int run_time(struct request *rq, struct vcpu *v)
{
	struct guest_time t;

	if (guest_time(rq->s, v, &t, &rq->err))
		return -1;
	json_num(&rq->reply, "time", t.guest);
	json_num(&rq->reply, "clock", t.clock);
	json_int(&rq->reply, "drift_ns", t.drift);
	json_num(&rq->reply, "unsure_ns", t.unsure);
	return 0;
}

/* ---- the table ---------------------------------------------------------- */

static const struct guest_op {
	const char *name, *args, *help;
	int min, max; /* arguments after the name */
	int (*prepare)(struct request *rq);
	request_vcpu_fn run;
} guest_ops[] = {
	{ "read", "GPA [LEN]", "read bytes, at most 4096 (default: 8)", 1, 2,
	  prepare_read, run_read },
	{ "write", "GPA VALUE [1|2|4|8]",
	  "write a little-endian word (default: 8 bytes)", 2, 3, prepare_write,
	  run_write },
	{ "fill", "GPA LEN BYTE", "set every byte", 3, 3, prepare_fill,
	  run_fill },
	{ "hash", "GPA LEN", "compute 64-bit FNV-1a over 64-bit words", 2, 2,
	  prepare_hash, run_hash },
	{ "touch", "GPA [LEN] [read|write]",
	  "access each page once (default: read)", 1, 3, prepare_touch,
	  run_touch },
	{ "canary", "GPA plant|check",
	  "fill a page from a secret of the vCPU; check that it is unchanged",
	  2, 2, prepare_canary, run_canary },
	{ "convert", "GPA [LEN] private|shared", "KVM_HC_MAP_GPA_RANGE", 2, 3,
	  prepare_convert, run_convert },
	{ "rdmsr", "MSR", "read an MSR", 1, 1, prepare_rdmsr, run_rdmsr },
	{ "wrmsr", "MSR VALUE", "write an MSR", 2, 2, prepare_wrmsr,
	  run_wrmsr },
	{ "hypercall", "NR [A0 [A1 [A2 [A3]]]]",
	  "VMCALL or VMMCALL, depending on the vendor", 1, 5, prepare_hypercall,
	  run_hypercall },
	{ "time", "",
	  "read a Linux guest's own time and compare it with the VM's clock", 0,
	  0, NULL, run_time },
	{ "halt", "", "HLT until the next operation", 0, 0, NULL, run_plain },
	{ "nop", "", "do nothing: one KVM_RUN", 0, 0, NULL, run_plain },
};

static int list_guest_ops(struct request *rq)
{
	json_array(&rq->reply, "ops");
	for (unsigned int i = 0; i < ARRAY_SIZE(guest_ops); i++) {
		reply_help(rq, guest_ops[i].name, guest_ops[i].args,
			   guest_ops[i].help);
	}
	json_array_end(&rq->reply);
	return 0;
}

int cmd_guest(struct request *rq)
{
	unsigned int vcpu;
	const struct guest_op *op = NULL;

	if (request_vcpu(rq, 0, &vcpu))
		return -1;
	if (!strcmp(rq->argv[1], "help"))
		return list_guest_ops(rq);
	for (unsigned int i = 0; i < ARRAY_SIZE(guest_ops); i++)
		if (!strcmp(guest_ops[i].name, rq->argv[1]))
			op = &guest_ops[i];
	if (!op)
		return err_usage(
			&rq->err,
			"unknown guest operation '%.32s': 'guest %u help' "
			"lists all",
			rq->argv[1], vcpu);
	if (arg_count(op->name, op->args, rq->argv + 2, rq->argc - 2, op->min,
		      op->max, &rq->err) ||
	    (op->prepare && op->prepare(rq)))
		return -1;
	json_num(&rq->reply, "vcpu", vcpu);
	json_str(&rq->reply, "op", op->name);
	return request_on_vcpu(rq, vcpu, JOB_AGENT, op->run, NULL);
}
