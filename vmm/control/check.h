/* SPDX-License-Identifier: GPL-2.0-only */
/* What pv and check do, for storms, too. */
#ifndef GPCVM_CHECK_H
#define GPCVM_CHECK_H

#include "control/request.h"

/* May @p be moved to @gpa? And does nothing else that is on lie there? */
int pv_check_target(struct machine *m, const struct pv_page *p, uint64_t gpa,
		    struct err *e);
int pv_check_overlap(const struct pv_page *p, uint64_t gpa, struct err *e);
/* `check all`: the array of pages begins; rq->page is checked, in a JOB_AGENT
 * job, and is an element; or it could not be, for rq->err: the object has begun
 * with its name; the array ends, and the verdicts are counted. */
void check_begin(struct request *rq);
int check_one(struct request *rq, struct vcpu *v);
void check_not_judged(struct request *rq);
int check_done(struct request *rq);

#endif
