/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's side of guest/doorbell.h: operations of the guest's agent. */
#ifndef GPCVM_AGENT_H
#define GPCVM_AGENT_H

#include <stdint.h>

#include "base/err.h"
#include "guest/doorbell.h"
#include "vcpu/vcpu.h"

struct agent_op {
	unsigned int op; /* OP_* */
	uint64_t in[DB_WORDS];
	uint64_t out[DB_WORDS]; /* out[0] is the status, ST_* */
	/* The memory fault that gpcvm made the guest take, or ""; its errno. */
	char fault[160];
	int fault_errno;
};

/*
 * On the vCPU's thread, in a JOB_AGENT job: have the guest do one operation.
 * Returns 0 when it came back, whatever its status; -1 (state) when it did
 * not.
 */
int agent_call(struct vcpu *v, struct agent_op *op, struct err *e);
/* The same, and any status but ST_OK is an error as well. */
int agent_do(struct vcpu *v, struct agent_op *op, struct err *e);
/* Of an ST_FAULT: "#PF, error code 0x2, rip 0x..., cr2 0x...", or the memory
 * fault behind it. */
void agent_fault_text(const struct agent_op *op, char *buf, unsigned int len);
/* From another thread, who waits for it: give up the operation that is under way,
 * as @why has it (may be ""); false: none. */
bool agent_give_up(struct vcpu *v, const char *why);
/* "#PF"; "exception" where it has no name. */
const char *agent_vector_name(uint64_t vector);

#endif
