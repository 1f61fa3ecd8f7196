// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <string.h>

#include "control/check.h"

int pv_check_target(struct machine *m, const struct pv_page *p, uint64_t gpa,
		    struct err *e)
{
	/* KVM requires less for most kinds (4 bytes for the clock, for
	 * example), but a gpc does not cross pages
	 * (arch/x86/kvm/x86.c, kvm_set_msr_common). */
	uint64_t align = p->kind->align;

	if (gpa & (align - 1))
		return err_range(e,
				 "gpa 0x%" PRIx64
				 " for %s must be a multiple of "
				 "%" PRIu64,
				 gpa, p->name, align);
	if (memory_check_open(&m->memory, gpa, p->kind->size, e))
		return -1;
	/* Back to where its guest had placed it. */
	if (gpa && gpa == p->placed)
		return 0;
	return machine_guard(m, gpa, p->kind->size, e);
}

/* A page that two caches write cannot be judged. */
int pv_check_overlap(const struct pv_page *p, uint64_t gpa, struct err *e)
{
	const struct pv_page *other = pv_overlap(p, gpa);

	if (!other)
		return 0;
	return err_range(
		e,
		"%s at gpa 0x%" PRIx64 ", %" PRIu32
		" bytes, would overlap %s: switch that off with 'pv %s off', "
		"or use another gpa",
		p->name, gpa, p->kind->size, other->name, other->name);
}

static void count_verdict(struct request *rq, enum pv_verdict verdict)
{
	json_object_end(&rq->reply);
	rq->counts[verdict]++;
	if (verdict > (enum pv_verdict)rq->arg[0])
		rq->arg[0] = verdict;
}

void check_not_judged(struct request *rq)
{
	json_str(&rq->reply, "verdict", pv_verdict_name(VERDICT_UNSUPPORTED));
	json_str(&rq->reply, "why", rq->err.msg);
	count_verdict(rq, VERDICT_UNSUPPORTED);
}

void check_begin(struct request *rq)
{
	rq->index = 0;
	rq->how = PV_FULL;
	rq->arg[0] = VERDICT_FRESH;
	memset(rq->counts, 0, sizeof(rq->counts));
	json_array(&rq->reply, "pages");
}

/* Add one page of `check all` to the array. A failure becomes its verdict, so
 * that a failing vCPU does not hide the others. */
int check_one(struct request *rq, struct vcpu *v)
{
	enum pv_verdict verdict;

	json_object(&rq->reply, NULL);
	if (pv_check(rq->page, v, rq->how, &rq->reply, &verdict, &rq->err))
		check_not_judged(rq);
	else
		count_verdict(rq, verdict);
	return 0;
}

int check_done(struct request *rq)
{
	json_array_end(&rq->reply);
	for (unsigned int i = 0; i <= VERDICT_TORN; i++)
		if (rq->counts[i] || i == VERDICT_FRESH)
			json_num(&rq->reply,
				 pv_verdict_name((enum pv_verdict)i),
				 rq->counts[i]);
	/* A guest without pv pages after a storm: nothing was judged. */
	json_str(&rq->reply, "verdict",
		 pv_verdict_name(rq->m->pv.nr ? (enum pv_verdict)rq->arg[0]
					      : VERDICT_UNSUPPORTED));
	return 0;
}
