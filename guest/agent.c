// SPDX-License-Identifier: GPL-2.0-only
/* The agent: fetches operations from the host, runs them, returns results. */
#include "guest.h"

static op_fn *const ops[] = {
	[OP_NOP] = op_nop,	     [OP_READ] = op_read,
	[OP_WRITE] = op_write,	     [OP_FILL] = op_fill,
	[OP_HASH] = op_hash,	     [OP_RDMSR] = op_rdmsr,
	[OP_WRMSR] = op_wrmsr,	     [OP_HYPERCALL] = op_hypercall,
	[OP_CANARY] = op_canary,     [OP_TOUCH] = op_touch,
	[OP_HALT] = op_halt,	     [OP_CLOCK] = op_clock,
	[OP_STEAL] = op_steal,	     [OP_SECRET] = op_secret,
	[OP_EVTCHN] = op_evtchn,     [OP_UPCALL] = op_upcall,
	[OP_RUNSTATE] = op_runstate, [OP_TIME] = op_time,
	[OP_SPIN] = op_spin,
};

uint32_t agent_ask(struct percpu *pc, uint32_t call)
{
	uint32_t answer = (uint32_t)db_call(call | pc->seq, pc->w);

	pc->seq = answer & ~DB_LOW_MASK;
	return answer & DB_LOW_MASK;
}

void agent_serve(struct percpu *pc, uint32_t op)
{
	if (op < sizeof(ops) / sizeof(ops[0]) && ops[op])
		pc->w[0] = guarded(pc, pc->w, ops[op]);
	else
		pc->w[0] = ST_BAD_OP;
}

void agent_run(struct percpu *pc)
{
	for (;;)
		agent_serve(pc, agent_ask(pc, DB_NEXT));
}
