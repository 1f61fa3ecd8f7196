/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM's clock as a poke: KVM_SET_CLOCK makes KVM write every pv page with a
 * time, and with a later value than any of them can hold.
 */
#ifndef GPCVM_DEVICES_PVCLOCK_H
#define GPCVM_DEVICES_PVCLOCK_H

#include "pv/pv.h"
#include "vcpu/agent.h"

/* Offset of the flags in struct pvclock_vcpu_time_info. */
#define PVCLOCK_FLAGS 29

/* Set the VM's clock ahead. *set is later than any
 * time that a page can hold. */
int pvclock_set(struct pv_vm *pv, uint64_t *set, struct err *e);
/* Get a lower bound of all times written from now on. */
int pvclock_from(struct pv_vm *pv, uint64_t *from, struct err *e);
/* Get an upper bound of all times written until now. */
int pvclock_limit(struct pv_vm *pv, uint64_t *limit, struct err *e);

/* A kind's poke: set the clock and run the vCPU once. */
int pvclock_poke(struct pv_page *p, struct vcpu *v, struct json *j,
		 struct err *e);
/* A kind's check, of the clock at the kind's offset. */
int pvclock_check(struct pv_page *p, struct vcpu *v, struct json *j,
		  enum pv_verdict *verdict, char why[static 160],
		  struct err *e);
/* A kind's look, which leaves the VM's clock unchanged. */
int pvclock_look(struct pv_page *p, struct vcpu *v, struct json *j,
		 enum pv_verdict *verdict, char why[static 160], struct err *e);

/* KVM's own information on the VM's clock, to judge each field by. */
struct pvclock_truth {
	uint64_t from, to; /* ns; bounds of the guest's read */
	/* KVM_CLOCK_TSC_STABLE before and after; unknown if they differ. */
	enum { PVCLOCK_UNKNOWN, PVCLOCK_UNSTABLE, PVCLOCK_STABLE } tsc;
	uint64_t khz; /* KVM_GET_TSC_KHZ; 0: unknown */
	/* KVM_KVMCLOCK_CTRL was called: PVCLOCK_GUEST_STOPPED may be set */
	bool stopped;
};

/* Return the time in ns that the guest derives from OP_CLOCK's answer. */
uint64_t pvclock_now(const struct agent_op *op);
/* Judge flags, scale, padding and time, for a clock that was not poked. */
enum pv_verdict pvclock_judge_look(const struct agent_op *op,
				   const struct pvclock_truth *t,
				   char why[static 160]);
/* Is PVCLOCK_GUEST_STOPPED set in OP_CLOCK's answer? */
bool pvclock_is_stopped(const struct agent_op *op);

/* Judge @op, OP_CLOCK's answer, after the clock was set to @set. */
enum pv_verdict pvclock_judge(const struct agent_op *op, uint64_t set,
			      uint64_t limit, char why[static 160]);
/* A kind's @wrote, for a page at @bytes. */
bool pvclock_wrote(const struct pv_page *p, const uint8_t *bytes);
/* Compare @records of KVM's tracepoint with what the guest read in @op, if
 * that is @fresh. Fill in @found and add the member "kernel" to @j. @nr < 0:
 * no records are available. */
struct trace_mark;
struct trace_record;
void pvclock_witness(struct pv_found *found, const struct agent_op *op,
		     bool fresh, const struct trace_record *records, int nr,
		     struct json *j);

/* Judge a time in ns of the VM's clock that KVM wrote to a page. */
enum pv_verdict pvclock_judge_time(const char *what, uint64_t ns, uint64_t set,
				   uint64_t limit, char why[static 160]);

#endif
