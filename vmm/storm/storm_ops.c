// SPDX-License-Identifier: GPL-2.0-only
/* The operations of a storm. Each does what the control command of that name
 * does; the command's checks are made once, by the parser. */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "control/check.h"
#include "control/operate.h"
#include "storm/storm.h"
#include "storm/storm_undo.h"

/* ---- ranges ------------------------------------------------------------- */

/* Parse a last word "page": draw a page of the range for each run. Return
 * the number of words left. */
static int take_page(struct storm_step *st, char *const *words, int nr)
{
	st->page = !strcmp(words[nr - 1], "page");
	return nr - st->page;
}

/* GPA [LEN] */
static int parse_range(struct storm *s, struct storm_step *st,
		       char *const *words, int nr, bool guard, struct err *e)
{
	if (nr < 1)
		return err_usage(e, "missing argument: GPA");
	if (nr > 2)
		return err_usage(e, "unexpected argument '%.32s' after GPA LEN",
				 words[2]);
	if (arg_pages(s->m, words, nr, &st->gpa, &st->len, e))
		return -1;
	return guard ? machine_guard(s->m, st->gpa, st->len, e) : 0;
}

static int parse_punch(struct storm *s, struct storm_step *st,
		       char *const *words, int nr, struct err *e)
{
	nr = take_page(st, words, nr);
	return parse_range(s, st, words, nr, true, e);
}

static int step_punch(struct storm_thread *t, const struct storm_step *st,
		      uint64_t gpa, uint64_t len)
{
	(void)st;
	return memory_punch(&t->s->m->memory, gpa, len, &t->err);
}

static int parse_allocate(struct storm *s, struct storm_step *st,
			  char *const *words, int nr, struct err *e)
{
	nr = take_page(st, words, nr);
	return parse_range(s, st, words, nr, false, e);
}

static int step_allocate(struct storm_thread *t, const struct storm_step *st,
			 uint64_t gpa, uint64_t len)
{
	(void)st;
	return memory_allocate(&t->s->m->memory, gpa, len, &t->err);
}

/* ---- attributes --------------------------------------------------------- */

static int parse_attributes(struct storm *s, struct storm_step *st,
			    char *const *words, int nr, struct err *e)
{
	if (parse_range(s, st, words, nr, true, e) ||
	    memory_can_be_private(&s->m->memory, e))
		return -1;
	return storm_save_attrs(s, st, e);
}

static int parse_flip(struct storm *s, struct storm_step *st,
		      char *const *words, int nr, struct err *e)
{
	nr = take_page(st, words, nr);
	return parse_attributes(s, st, words, nr, e);
}

/* Invert the attribute of the range's first page. */
static int step_flip(struct storm_thread *t, const struct storm_step *st,
		     uint64_t gpa, uint64_t len)
{
	struct machine *m = t->s->m;
	int r;

	(void)st;
	pthread_mutex_lock(&t->s->writer);
	r = memory_set_private(&m->memory, gpa, len,
			       !memory_is_private(&m->memory, gpa), &t->err);
	pthread_mutex_unlock(&t->s->writer);
	return r;
}

static int parse_attr(struct storm *s, struct storm_step *st,
		      char *const *words, int nr, struct err *e)
{
	if (arg_attr(words[nr - 1], &st->flag, e))
		return -1;
	return parse_attributes(s, st, words, nr - 1, e);
}

static int step_attr(struct storm_thread *t, const struct storm_step *st,
		     uint64_t gpa, uint64_t len)
{
	int r;

	pthread_mutex_lock(&t->s->writer);
	r = memory_set_private(&t->s->m->memory, gpa, len, st->flag, &t->err);
	pthread_mutex_unlock(&t->s->writer);
	return r;
}

/* ---- on a vCPU ---------------------------------------------------------- */

struct errand {
	struct storm_thread *t;
	const struct storm_step *st;
	uint64_t gpa, len;
};

static int run_errand(struct storm_thread *t, const struct storm_step *st,
		      uint64_t gpa, uint64_t len, enum job_kind kind,
		      request_agent_fn fn)
{
	struct errand a = { t, st, gpa, len };

	json_reset(&t->json);
	return storm_ask(t, st, kind, fn, &a);
}

static int parse_prefault(struct storm *s, struct storm_step *st,
			  char *const *words, int nr, struct err *e)
{
	if (arg_vcpu(s->m, words[0], &st->vcpu, e) ||
	    parse_range(s, st, words + 1, nr - 1, false, e))
		return -1;
	return operate_can_prefault(s->m, e);
}

static int prefault_job(void *arg, struct vcpu *v, struct err *e)
{
	const struct errand *a = arg;

	return operate_prefault(a->t->s->m, v, a->gpa, a->len, &a->t->s->stop,
				e);
}

static int step_prefault(struct storm_thread *t, const struct storm_step *st,
			 uint64_t gpa, uint64_t len)
{
	return run_errand(t, st, gpa, len, JOB_HOST, prefault_job);
}

static int parse_touch(struct storm *s, struct storm_step *st,
		       char *const *words, int nr, struct err *e)
{
	nr = take_page(st, words, nr);
	st->flag = !strcmp(words[nr - 1], "write");
	if (st->flag || !strcmp(words[nr - 1], "read"))
		nr--;
	if (arg_vcpu(s->m, words[0], &st->vcpu, e) ||
	    parse_range(s, st, words + 1, nr - 1, st->flag, e))
		return -1;
	return request_has_agent(s->m, e);
}

static int touch_job(void *arg, struct vcpu *v, struct err *e)
{
	const struct errand *a = arg;
	uint64_t pages;

	return operate_touch(v, a->gpa, a->len, a->st->flag, &a->t->s->stop,
			     &pages, e);
}

static int step_touch(struct storm_thread *t, const struct storm_step *st,
		      uint64_t gpa, uint64_t len)
{
	return run_errand(t, st, gpa, len, JOB_AGENT, touch_job);
}

/* ---- pv pages ----------------------------------------------------------- */

static int parse_name(struct storm *s, struct storm_step *st,
		      char *const *words, int nr, struct err *e)
{
	(void)nr;
	st->pv = arg_page(s->m, words[0], e);
	if (!st->pv)
		return -1;
	st->vcpu = st->pv->vcpu;
	return request_has_agent(s->m, e);
}

static int poke_job(void *arg, struct vcpu *v, struct err *e)
{
	const struct errand *a = arg;
	struct pv_page *p = a->st->pv;

	if (pv_poke(p, v, &a->t->json, e))
		return -1;
	memory_pfn_now(p->vm->memory, pv_now(p).gpa, &a->t->pfn);
	return 0;
}

static int step_poke(struct storm_thread *t, const struct storm_step *st,
		     uint64_t gpa, uint64_t len)
{
	int r = run_errand(t, st, gpa, len, JOB_AGENT, poke_job);

	t->used = !r;
	return r;
}

static int check_job(void *arg, struct vcpu *v, struct err *e)
{
	const struct errand *a = arg;

	if (pv_check(a->st->pv, v, PV_QUICK, &a->t->json, &a->t->verdict, e))
		return -1;
	a->t->pfn = a->st->pv->pfn[0];
	return 0;
}

static int step_check(struct storm_thread *t, const struct storm_step *st,
		      uint64_t gpa, uint64_t len)
{
	int r = run_errand(t, st, gpa, len, JOB_AGENT, check_job);

	t->judged = !r;
	t->used = !r;
	return r;
}

/* NAME [move GPA] */
static int parse_pv(struct storm *s, struct storm_step *st, char *const *words,
		    int nr, struct err *e)
{
	struct pv_page *p = arg_page(s->m, words[0], e), *other;

	if (!p)
		return -1;
	st->pv = p;
	st->vcpu = p->vcpu;
	st->home = pv_now(p);
	st->there = st->home;
	st->there.on = true;
	st->move = nr > 1;
	if (st->move) {
		if (strcmp(words[1], "move") != 0 || nr != 3)
			return err_usage(
				e,
				"unexpected argument '%.32s': pv NAME [move "
				"GPA]",
				words[1]);
		if (arg_gpa(s->m, words[2], &st->there.gpa, &other, e) ||
		    pv_check_target(s->m, p, st->there.gpa, e))
			return -1;
	}
	if (pv_check_overlap(p, st->there.gpa, e))
		return -1;
	return pv_switch_job(p) == JOB_AGENT ? request_has_agent(s->m, e) : 0;
}

/* Use one job: with two, others would mostly find the page off. */
static int switch_job(void *arg, struct vcpu *v, struct err *e)
{
	const struct errand *a = arg;
	const struct storm_step *st = a->st;
	struct pv_where back = st->home, away = st->there;

	back.on = true;
	away.on = st->move;
	return pv_switch(st->pv, v, &away, e) ?: pv_switch(st->pv, v, &back, e);
}

static int step_pv(struct storm_thread *t, const struct storm_step *st,
		   uint64_t gpa, uint64_t len)
{
	return run_errand(t, st, gpa, len, pv_switch_job(st->pv), switch_job);
}

/* ---- slots -------------------------------------------------------------- */

/* N [move GPA] */
static int parse_slot(struct storm *s, struct storm_step *st,
		      char *const *words, int nr, struct err *e)
{
	struct mem_slot now;

	if (arg_slot(s->m, words[0], &st->slot, &now, e))
		return -1;
	if (!now.present)
		return err_state(
			e,
			"slot %u is deleted: restore it with 'slot restore %u'",
			st->slot, st->slot);
	st->slot_home = now.gpa;
	st->move = nr > 1;
	if (!st->move)
		return 0;
	if (strcmp(words[1], "move") != 0 || nr != 3)
		return err_usage(
			e, "unexpected argument '%.32s': slot N [move GPA]",
			words[1]);
	if (num_parse(words[2], "the gpa", &st->slot_there, e))
		return -1;
	return memory_slot_check(&s->m->memory, st->slot, st->slot_there, e);
}

static int step_slot(struct storm_thread *t, const struct storm_step *st,
		     uint64_t gpa, uint64_t len)
{
	struct machine *m = t->s->m;
	struct err *e = &t->err;
	int r;

	(void)gpa;
	(void)len;
	pthread_mutex_lock(&t->s->writer);
	r = st->move ? memory_slot_move(&m->memory, st->slot, st->slot_there, e)
		     : memory_slot_delete(&m->memory, st->slot, e);
	pthread_mutex_unlock(&t->s->writer);
	pthread_mutex_lock(&t->s->writer);
	if (storm_slot_home(m, st, r ? NULL : e))
		r = -1;
	pthread_mutex_unlock(&t->s->writer);
	return r;
}

/* ---- the table ---------------------------------------------------------- */

/* Slots are restored first, then attributes, then pv pages, which need both. */
const struct storm_op storm_ops[] = {
	{ "slot", "N [move GPA]", "delete and restore, or move there and back",
	  1, 3, false, false, parse_slot, step_slot, storm_undo_slot },
	{ "flip", "GPA [LEN] [page]",
	  "convert to private if the first page is shared, and vice versa", 1,
	  3, false, false, parse_flip, step_flip, storm_undo_attrs },
	{ "attr", "GPA [LEN] private|shared", "set the attribute", 2, 3, false,
	  false, parse_attr, step_attr, storm_undo_attrs },
	{ "pv", "NAME [move GPA]", "off and on, or move there and back", 1, 3,
	  true, false, parse_pv, step_pv, storm_undo_pv },
	{ "punch", "GPA [LEN] [page]", "free pages", 1, 3, false, false,
	  parse_punch, step_punch, NULL },
	{ "allocate", "GPA [LEN] [page]", "allocate pages", 1, 3, false, false,
	  parse_allocate, step_allocate, NULL },
	{ "prefault", "VCPU GPA [LEN]", "map pages for the guest", 2, 3, true,
	  false, parse_prefault, step_prefault, NULL },
	{ "touch", "VCPU GPA [LEN] [read|write] [page]",
	  "have the guest access each page once (default: read)", 2, 5, true,
	  true, parse_touch, step_touch, NULL },
	{ "poke", "NAME", "make the kernel use that page's cache", 1, 1, true,
	  true, parse_name, step_poke, NULL },
	{ "check", "NAME", "poke, have the guest read the page, and judge it",
	  1, 1, true, true, parse_name, step_check, NULL },
};

const unsigned int storm_ops_nr = ARRAY_SIZE(storm_ops);
