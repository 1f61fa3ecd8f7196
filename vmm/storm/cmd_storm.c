// SPDX-License-Identifier: GPL-2.0-only
/* The storm command: start a storm, stop it, list the operations. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include "base/clock.h"
#include "control/check.h"
#include "control/session.h"
#include "storm/storm.h"

static int list_ops(struct request *rq)
{
	json_array(&rq->reply, "ops");
	for (unsigned int i = 0; i < storm_ops_nr; i++) {
		reply_help(rq, storm_ops[i].name, storm_ops[i].args,
			   storm_ops[i].help);
	}
	json_array_end(&rq->reply);
	return 0;
}

static int stop_storm(struct request *rq)
{
	if (!rq->s->storm)
		return err_state(&rq->err, "no storm is running");
	rq->s->storm_stop = true;
	json_bool(&rq->reply, "stopping", true);
	return 0;
}

/* ---- on the request's own thread ---------------------------------------- */

static int check_after(void *arg, struct vcpu *v, struct err *e)
{
	struct request *rq = arg;

	(void)e; /* a failure becomes the page's verdict */
	return check_one(rq, v);
}

/* Report a page as absent without a check: an access
 * of the guest could end it. */
static void check_unreachable(struct request *rq)
{
	json_object(&rq->reply, NULL);
	json_str(&rq->reply, "name", rq->page->name);
	json_str(&rq->reply, "verdict", pv_verdict_name(VERDICT_ABSENT));
	json_str(&rq->reply, "expected", model_expect_name(EXPECT_ABSENT));
	json_object_end(&rq->reply);
	rq->counts[VERDICT_ABSENT]++;
}

/* Check a page before anything is restored. Ignore the verdict if the model
 * expects it: a clock that was left private on a kernel that cannot write it
 * there is stale, which is no failure. */
static int do_check_before(void *arg, struct vcpu *v, struct err *e)
{
	struct request *rq = arg;
	const uint64_t worst = rq->arg[0];
	struct model *model = &rq->m->pv.model;
	struct model_use use;

	model_begin(model, pv_index(rq->page), &use);
	if (use.expect == EXPECT_ABSENT) {
		check_unreachable(rq);
		return 0;
	}
	check_after(arg, v, e);
	if (rq->page->found.as_expected)
		rq->arg[0] = worst;
	return 0;
}

/* Check all active pages, like `check all`. */
static void check_pages(struct request *rq, request_agent_fn check)
{
	struct pv_vm *pv = &rq->m->pv;

	check_begin(rq);
	for (unsigned int i = 0; i < pv->nr; i++) {
		struct pv_page *p = &pv->pages[i];

		if (!pv_now(p).on)
			continue;
		rq->page = p;
		if (!request_ask_vcpu(rq, &rq->m->vcpus[p->vcpu], JOB_AGENT,
				      check, rq, &rq->job.cancelled, &rq->err))
			continue;
		json_object(&rq->reply, NULL);
		json_str(&rq->reply, "name", p->name);
		check_not_judged(rq);
	}
}

static void undo_step(struct storm *s, const struct storm_step *st,
		      struct json *j)
{
	char text[512];
	struct err e;

	if (!st->op->undo(s, st, &e))
		return;
	snprintf(text, sizeof(text), "%s: %s", st->text, e.msg);
	json_str(j, NULL, text);
}

/* Undo the steps in the order of the table. List the failures
 * in an array of the reply. */
static void undo_all(struct storm *s, struct json *j)
{
	json_array(j, "not_restored");
	for (unsigned int op = 0; op < storm_ops_nr; op++)
		for (unsigned int i = 0; i < s->nr_steps; i++)
			if (s->steps[i].op == &storm_ops[op] &&
			    storm_ops[op].undo)
				undo_step(s, &s->steps[i], j);
	json_array_end(j);
}

/* Check before and after restoring: restoring may invalidate a cache and so
 * repair one that the storm left stale. */
static void restore_and_check(struct request *rq, struct storm *s)
{
	uint64_t worst;

	json_object(&rq->reply, "before");
	check_pages(rq, do_check_before);
	check_done(rq);
	json_object_end(&rq->reply);
	worst = rq->arg[0];

	undo_all(s, &rq->reply);
	check_pages(rq, check_after);
	if (worst > rq->arg[0])
		rq->arg[0] = worst;
	check_done(rq);
}

/* Runs on a thread of its own. The threads it creates inherit its name. */
static int storm_main(struct request *rq)
{
	struct storm *s = rq->own;
	struct err e;
	int r;

	prctl(PR_SET_NAME, "storm", 0, 0, 0);
	r = storm_run(s);
	if (!r) {
		/* Restore the machine even if the results do not fit. */
		r = storm_json(s, &rq->reply, &e);
		restore_and_check(rq, s);
		if (r)
			rq->err = e;
	}
	storm_free(s);
	free(s);
	/* Clear before the reply is sent, so that the client can start its next
	 * storm. */
	rq->s->storm = false;
	return r;
}

/* ---- on the main thread ------------------------------------------------- */

static uint64_t draw_seed(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = now_ns();
	return seed;
}

static int start_storm(struct request *rq, struct storm *s)
{
	const struct config *cfg = rq->m->cfg;
	int r;

	s->rq = rq;
	s->m = rq->m;
	s->seed = cfg->has_seed ? cfg->seed : draw_seed();
	if (storm_parse(s, rq->argv, rq->argc, &rq->err))
		return -1;
	rq->own = s;
	rq->seed = s->seed;
	rq->s->storm_stop = false;
	rq->s->storm = true;
	r = request_on_thread(rq, SANDBOX_VCPU, storm_main, NULL);
	if (r < 0)
		rq->s->storm = false;
	return r;
}

int cmd_storm(struct request *rq)
{
	struct storm *s;
	int r;

	if (rq->argc == 1 && !strcmp(rq->argv[0], "help"))
		return list_ops(rq);
	if (rq->argc == 1 && !strcmp(rq->argv[0], "stop"))
		return stop_storm(rq);
	if (rq->s->storm)
		return err_state(
			&rq->err,
			"a storm is running: end it with 'storm stop' from "
			"another connection");
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_os(&rq->err, ENOMEM, "memory for a storm");
	r = start_storm(rq, s);
	if (r < 0) {
		storm_free(s);
		free(s);
	}
	return r;
}
