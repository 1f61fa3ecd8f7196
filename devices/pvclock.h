/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM's clock as a poke: KVM_SET_CLOCK makes KVM write every page that tells
 * the time, with a value that none of them can have had before.
 */
#ifndef GPCVM_DEVICES_PVCLOCK_H
#define GPCVM_DEVICES_PVCLOCK_H

#include "pv/pv.h"
#include "vcpu/agent.h"

#define PVCLOCK_FLAGS 29 /* their offset in struct pvclock_vcpu_time_info */

/* Set the VM's clock; *set is a value that no page can have had before. */
int pvclock_set(struct pv_vm *pv, uint64_t *set, struct err *e);
/* What nothing can be behind that is written from now on. */
int pvclock_from(struct pv_vm *pv, uint64_t *from, struct err *e);
/* What no page can be ahead of, now. */
int pvclock_limit(struct pv_vm *pv, uint64_t *limit, struct err *e);

/* Set it and have the vCPU run once: a kind's poke. */
int pvclock_poke(struct pv_page *p, struct vcpu *v, struct json *j,
		 struct err *e);
/* A kind's check, for a struct pvclock_vcpu_time_info at @gpa. */
int pvclock_check(struct pv_page *p, struct vcpu *v, uint64_t gpa,
		  struct json *j, enum pv_verdict *verdict,
		  char why[static 160], struct err *e);

/* The same for its @look, which leaves the VM's clock alone. */
int pvclock_look(struct pv_page *p, struct vcpu *v, uint64_t gpa,
		 struct json *j, enum pv_verdict *verdict, char why[static 160],
		 struct err *e);

/* What KVM says of the VM's clock, against which each field is judged. */
struct pvclock_truth {
	uint64_t from, to; /* ns: the guest read its clock between these */
	/* KVM_CLOCK_TSC_STABLE, before and after: unknown where they differ. */
	enum { PVCLOCK_UNKNOWN, PVCLOCK_UNSTABLE, PVCLOCK_STABLE } tsc;
	uint64_t khz; /* KVM_GET_TSC_KHZ; 0: unknown */
	bool stopped; /* KVM_KVMCLOCK_CTRL was called: PVCLOCK_GUEST_STOPPED may
		       * be set */
};

/* The time that the guest makes of OP_CLOCK's answer, ns. */
uint64_t pvclock_now(const struct agent_op *op);
/* All of that, of a clock that was not poked. */
enum pv_verdict pvclock_judge_look(const struct agent_op *op,
				   const struct pvclock_truth *t,
				   char why[static 160]);
/* Is PVCLOCK_GUEST_STOPPED set in OP_CLOCK's answer? */
bool pvclock_is_stopped(const struct agent_op *op);

/* @op: OP_CLOCK's answer, after the clock was set to @set. */
enum pv_verdict pvclock_judge(const struct agent_op *op, uint64_t set,
			      uint64_t limit, char why[static 160]);
/* A kind's @wrote: a struct pvclock_vcpu_time_info at @bytes. */
bool pvclock_wrote(const struct pv_page *p, const uint8_t *bytes);
/* What KVM's tracepoint says it wrote on @v since @m, against what the guest saw
 * in @op, if that is fresh: goes to @found, and to @j as "kernel". */
struct trace_mark;
struct trace_record;
void pvclock_witness(struct pv_found *found, const struct agent_op *op,
		     bool fresh, const struct trace_record *records, int nr,
		     struct json *j);

/* @ns of the VM's clock, by which the kernel dated what it wrote. */
enum pv_verdict pvclock_judge_time(const char *what, uint64_t ns, uint64_t set,
				   uint64_t limit, char why[static 160]);

#endif
