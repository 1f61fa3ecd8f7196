/* SPDX-License-Identifier: GPL-2.0-only */
/* Checks shared by the pv, check and storm commands. */
#ifndef GPCVM_CHECK_H
#define GPCVM_CHECK_H

#include "control/request.h"

/* Can @p be moved to @gpa? Would it overlap another active page there? */
int pv_check_target(struct machine *m, const struct pv_page *p, uint64_t gpa,
		    struct err *e);
int pv_check_overlap(const struct pv_page *p, uint64_t gpa, struct err *e);
/* The steps of `check all`: check_begin() starts the array of
 * pages; check_one() checks rq->page in a JOB_AGENT job and adds
 * it; check_not_judged() ends an object that starts with the
 * page's name, with rq->err as the reason; check_done() ends the
 * array and counts the verdicts. */
void check_begin(struct request *rq);
int check_one(struct request *rq, struct vcpu *v);
void check_not_judged(struct request *rq);
int check_done(struct request *rq);

#endif
