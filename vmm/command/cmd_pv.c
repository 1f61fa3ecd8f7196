// SPDX-License-Identifier: GPL-2.0-only
/* pv, poke, check: switch, use and check the caches. */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "command/handlers.h"
#include "control/check.h"

/* ---- pv ----------------------------------------------------------------- */

static int do_switch(struct request *rq, struct vcpu *v)
{
	const struct pv_where to = { .gpa = rq->arg[0],
				     .on = rq->arg[1],
				     .by_hva = rq->arg[2] };
	struct pv_page *p = rq->page;

	if (pv_switch(p, v, &to, &rq->err))
		return -1;
	json_str(&rq->reply, "name", p->name);
	json_hex(&rq->reply, "gpa", to.gpa);
	json_bool(&rq->reply, "on", to.on);
	json_str(&rq->reply, "by", to.by_hva ? "hva" : "gpa");
	return 0;
}

/* Parse a last word gpa or hva into rq->arg[2]. Returns the
 * number of words left, or -1. */
static int parse_by(struct request *rq, const struct pv_page *p)
{
	const char *word = rq->argv[rq->argc - 1];
	bool hva = !strcmp(word, "hva");

	rq->arg[2] = p->by_hva;
	if (rq->argc < 3 || (!hva && strcmp(word, "gpa")))
		return rq->argc;
	if (hva && !p->kind->xen_hva)
		return err_usage(
			&rq->err,
			"pv %s ... hva: KVM accepts only a gpa for this kind",
			p->name);
	rq->arg[2] = hva;
	return rq->argc - 1;
}

int cmd_pv(struct request *rq)
{
	struct pv_page *p = request_page(rq, 0), *other;
	const char *what = rq->argv[1];
	bool move = !strcmp(what, "move"), off = !strcmp(what, "off");
	int words;

	if (!p)
		return -1;
	if (!move && !off && strcmp(what, "on"))
		return err_usage(&rq->err,
				 "pv %s: expected off, on or move GPA, got "
				 "'%.32s'",
				 p->name, what);
	words = off ? rq->argc : parse_by(rq, p);
	if (words < 0)
		return -1;
	if (words != (move ? 3 : 2))
		return err_usage(&rq->err, "expected: pv %s %s%s", p->name,
				 what,
				 off	? ""
				 : move ? " GPA [gpa|hva]"
					: " [gpa|hva]");
	rq->arg[0] = p->gpa;
	rq->arg[1] = !off;
	rq->page = p;
	if (move && (request_gpa(rq, 2, &rq->arg[0], &other) ||
		     pv_check_target(rq->m, p, rq->arg[0], &rq->err)))
		return -1;
	if (!off && !rq->arg[0] && p->vm->guests)
		return err_state(
			&rq->err,
			"the guest has not placed %s: it does not use one, or "
			"is not ready",
			p->name);
	if (!off && pv_check_overlap(p, rq->arg[0], &rq->err))
		return -1;
	return request_on_vcpu(rq, p->vcpu, pv_switch_job(p), do_switch, NULL);
}

/* ---- poke, check -------------------------------------------------------- */

static int do_poke(struct request *rq, struct vcpu *v)
{
	json_str(&rq->reply, "name", rq->page->name);
	return pv_poke(rq->page, v, &rq->reply, &rq->err);
}

int cmd_poke(struct request *rq)
{
	rq->page = request_page(rq, 0);
	if (!rq->page)
		return -1;
	return request_on_vcpu(rq, rq->page->vcpu, JOB_AGENT, do_poke, NULL);
}

static int do_check(struct request *rq, struct vcpu *v)
{
	enum pv_verdict verdict;

	return pv_check(rq->page, v, rq->how, &rq->reply, &verdict, &rq->err);
}

static int check_next(struct request *rq)
{
	struct pv_vm *pv = &rq->m->pv;

	while (rq->index < pv->nr) {
		rq->page = &pv->pages[rq->index++];
		if (request_on_vcpu(rq, rq->page->vcpu, JOB_AGENT, check_one,
				    check_next) == REQUEST_PENDING)
			return REQUEST_PENDING;
		json_object(&rq->reply, NULL);
		json_str(&rq->reply, "name", rq->page->name);
		check_not_judged(rq);
	}
	return check_done(rq);
}

int cmd_check(struct request *rq)
{
	const bool nopoke = rq->argc > 1;

	if (nopoke && strcmp(rq->argv[1], "nopoke"))
		return err_usage(&rq->err,
				 "unexpected argument '%.32s': check %.32s "
				 "[nopoke]",
				 rq->argv[1], rq->argv[0]);
	if (!strcmp(rq->argv[0], "all")) {
		if (arg_any_page(rq->m, &rq->err))
			return -1;
		check_begin(rq);
		if (nopoke)
			rq->how = PV_LOOK;
		return check_next(rq);
	}
	rq->page = request_page(rq, 0);
	if (!rq->page)
		return -1;
	rq->how = nopoke ? PV_LOOK : PV_FULL;
	return request_on_vcpu(rq, rq->page->vcpu, JOB_AGENT, do_check, NULL);
}
