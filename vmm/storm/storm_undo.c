// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>

#include "control/operate.h"
#include "storm/storm_undo.h"

/* ---- attributes --------------------------------------------------------- */

int storm_save_attrs(struct storm *s, struct storm_step *st, struct err *e)
{
	struct memory *mem = &s->m->memory;
	const uint64_t end = st->gpa + st->len;
	int r = 0;

	pthread_rwlock_rdlock(&mem->lock);
	for (size_t i = 0; i < mem->attrs.nr && !r; i++) {
		struct attr_run run = mem->attrs.runs[i];

		run.start = run.start > st->gpa ? run.start : st->gpa;
		run.end = run.end < end ? run.end : end;
		if (run.start < run.end)
			r = attrs_set(&st->was, run.start, run.end, true);
	}
	pthread_rwlock_unlock(&mem->lock);
	return r ? err_os(e, ENOMEM, "memory for the attributes") : 0;
}

static int restore_run(struct machine *m, uint64_t gpa, uint64_t len,
		       bool private, struct err *e)
{
	struct memory *mem = &m->memory;
	uint64_t bytes;

	if (!len)
		return 0;
	pthread_rwlock_rdlock(&mem->lock);
	bytes = attrs_private_bytes(&mem->attrs, gpa, gpa + len);
	pthread_rwlock_unlock(&mem->lock);
	if (bytes == (private ? len : 0))
		return 0;
	return memory_set_private(&m->memory, gpa, len, private, e);
}

int storm_undo_attrs(struct storm *s, const struct storm_step *st,
		     struct err *e)
{
	const uint64_t end = st->gpa + st->len;
	uint64_t at = st->gpa;
	int r = 0;

	for (size_t i = 0; i < st->was.nr; i++) {
		const struct attr_run *run = &st->was.runs[i];

		r |= restore_run(s->m, at, run->start - at, false, e);
		r |= restore_run(s->m, run->start, run->end - run->start, true,
				 e);
		at = run->end;
	}
	return r | restore_run(s->m, at, end - at, false, e);
}

/* ---- slots -------------------------------------------------------------- */

int storm_slot_home(struct machine *m, const struct storm_step *st,
		    struct err *e)
{
	struct mem_slot now;

	memory_slot_now(&m->memory, st->slot, &now);
	if (now.present && now.gpa == st->slot_home)
		return 0;
	return memory_slot_move(&m->memory, st->slot, st->slot_home, e);
}

/* Slots of one storm may occupy each other's places. */
static void clear_places(struct storm *s)
{
	struct mem_slot now;

	for (unsigned int i = 0; i < s->nr_steps; i++) {
		const struct storm_step *st = &s->steps[i];

		if (st->op->undo != storm_undo_slot)
			continue;
		memory_slot_now(&s->m->memory, st->slot, &now);
		if (now.present && now.gpa != st->slot_home)
			memory_slot_delete(&s->m->memory, st->slot, NULL);
	}
}

int storm_undo_slot(struct storm *s, const struct storm_step *st, struct err *e)
{
	clear_places(s);
	return storm_slot_home(s->m, st, e);
}

/* ---- pv pages ----------------------------------------------------------- */

static bool pv_at_home(const struct storm_step *st)
{
	struct pv_where now = pv_now(st->pv);

	return !st->pv->in_doubt && now.on == st->home.on &&
	       now.gpa == st->home.gpa && now.by_hva == st->home.by_hva;
}

static int pv_go_home(void *arg, struct vcpu *v, struct err *e)
{
	const struct storm_step *st = arg;

	pv_settle(st->pv, v);
	return pv_at_home(st) ? 0 : pv_switch(st->pv, v, &st->home, e);
}

int storm_undo_pv(struct storm *s, const struct storm_step *st, struct err *e)
{
	struct storm_step copy = *st;

	/* Do not wait for a vCPU, which may be paused, without need. */
	if (pv_at_home(st))
		return 0;
	return request_ask_vcpu(s->rq, &s->m->vcpus[st->pv->vcpu],
				pv_switch_job(st->pv), pv_go_home, &copy, NULL,
				e);
}
