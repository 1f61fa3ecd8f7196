/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations of the guest's agent: the host's side of guest/doorbell.h. */
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
	/* The memory fault that gpcvm injected, or ""; its errno. */
	char fault[160];
	int fault_errno;
};

/*
 * On the vCPU's thread, in a JOB_AGENT job: have the guest do one operation. Returns 0
 * if it completed, whatever its status; -1 (state) if not.
 */
int agent_call(struct vcpu *v, struct agent_op *op, struct err *e);
/* The same, but any status except ST_OK is an error. */
int agent_do(struct vcpu *v, struct agent_op *op, struct err *e);
/* Describe an ST_FAULT: "#PF, error code 0x2, rip 0x..., cr2 0x...", or the memory fault
 * that caused it. */
void agent_fault_text(const struct agent_op *op, char *buf, unsigned int len);
/* From another thread: cancel the operation under way, because of @why (may be "").
 * False: there is none. */
bool agent_cancel(struct vcpu *v, const char *why);
/* "#PF"; "exception" if it has no name. */
const char *agent_vector_name(uint64_t vector);

#endif
