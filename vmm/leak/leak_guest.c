// SPDX-License-Identifier: GPL-2.0-only
/* The guest's part of a measurement: plant, change and wipe words. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "control/session.h"
#include "leak/leak.h"
#include "vcpu/agent.h"

static bool is_free(const struct pv_vm *pv, uint64_t gpa)
{
	for (unsigned int i = 0; i < pv->nr; i++) {
		const struct pv_page *p = &pv->pages[i];
		uint64_t at = p->gpa;

		if (p->on && gpa < at + p->kind->size &&
		    at + p->kind->lead < gpa + SECRET_BYTES)
			return false;
	}
	return true;
}

uint32_t leak_place(const struct pv_vm *pv, uint64_t gpa)
{
	for (int at = PAGE_SIZE - 64; at >= 0; at -= 8)
		if (is_free(pv, gpa + (uint64_t)at))
			return (uint32_t)at;
	return LEAK_NO_ROOM;
}

/*
 * Run one OP_SECRET on a page. @words goes in and comes out masked with @mask.
 * Returns 0; 1 and p->why if the guest cannot reach the page; -1 if no
 * operation is possible.
 */
static int run_secret(struct leak_batch *b, struct leak_page *p, struct vcpu *v,
		      uint64_t request, uint64_t mask, uint64_t *words,
		      struct err *e)
{
	struct agent_op op = { .op = OP_SECRET,
			       .in = { request, p->gpa + p->offset, mask } };
	uint64_t mmio = v->mmio;
	char fault[128];

	if (!memory_present(&b->rq->m->memory, p->gpa)) {
		snprintf(p->why, sizeof(p->why),
			 "no slot at this gpa: use slot restore");
		return 1;
	}
	memcpy(&op.in[3], words, SECRET_BYTES);
	if (agent_call(v, &op, e))
		return -1;
	if (v->mmio != mmio) {
		snprintf(
			p->why, sizeof(p->why),
			"no slot at this gpa: the guest's access exited as MMIO");
		return 1;
	}
	if (op.out[0] == ST_FAULT) {
		agent_fault_text(&op, fault, sizeof(fault));
		snprintf(p->why, sizeof(p->why), "the guest took %s", fault);
		return 1;
	}
	if (op.out[0] != ST_OK) {
		snprintf(p->why, sizeof(p->why),
			 "the guest cannot map the page (status %" PRIu64 ")",
			 op.out[0]);
		return 1;
	}
	memcpy(words, &op.out[1], SECRET_BYTES);
	return 0;
}

/*
 * Save the content again if the words were overwritten or punched away
 * meanwhile: the new content is what must be restored.
 */
static int save_again(struct leak_batch *b, struct leak_page *p, struct vcpu *v,
		      struct err *e)
{
	uint64_t now[SECRET_WORDS] = { 0 };
	int r;

	if (memory_is_private(&b->rq->m->memory, p->gpa) != p->private) {
		snprintf(p->why, sizeof(p->why),
			 "the page was converted to %s: the guest's words are "
			 "still in the other page",
			 p->private ? "shared" : "private");
		return 1;
	}
	r = run_secret(b, p, v, SECRET_READ, p->mask, now, e);
	for (int i = 0; i < SECRET_WORDS && !r; i++)
		if (now[i] != p->masked[i])
			/* from one mask to the other, never unmasked */
			p->old[i] = now[i] ^ p->mask ^ p->old_mask;
	return r;
}

static int plant_one(struct leak_batch *b, struct leak_page *p, struct vcpu *v,
		     struct err *e)
{
	int r;

	if (p->used) {
		r = save_again(b, p, v, e);
	} else {
		p->private = memory_is_private(&b->rq->m->memory, p->gpa);
		p->old_mask = b->mask;
		r = run_secret(b, p, v, SECRET_READ, b->mask, p->old, e);
	}
	if (r)
		return r;
	p->used = true;
	p->mask = b->mask;
	r = run_secret(b, p, v, SECRET_PLANT, b->mask, p->masked, e);
	p->planted = !r;
	return r;
}

int leak_plant(void *batch, struct vcpu *v, struct err *e)
{
	struct leak_batch *b = batch;

	for (unsigned int i = 0; i < b->nr; i++) {
		struct leak_page *p = &b->pages[i];

		if (p->settled || (p->planted && p->mask == b->mask))
			continue;
		p->planted = p->intact = p->seen = false;
		if (plant_one(b, p, v, e) < 0)
			return -1;
	}
	return 0;
}

static int change_one(struct leak_batch *b, struct leak_page *p, struct vcpu *v,
		      struct err *e)
{
	uint64_t now[SECRET_WORDS] = { 0 };
	int r = run_secret(b, p, v, SECRET_READ, p->mask, now, e);

	if (r)
		return r;
	p->intact = !memcmp(now, p->masked, SECRET_BYTES);
	if (!p->intact || !p->seen)
		return 0;
	r = run_secret(b, p, v, SECRET_PLANT, b->mask, p->masked, e);
	if (!r)
		p->mask = b->mask;
	else
		p->intact = false;
	return r;
}

int leak_change(void *batch, struct vcpu *v, struct err *e)
{
	struct leak_batch *b = batch;

	for (unsigned int i = 0; i < b->nr; i++) {
		struct leak_page *p = &b->pages[i];

		if (p->settled || !p->planted || p->intact)
			continue;
		if (change_one(b, p, v, e) < 0)
			return -1;
	}
	return 0;
}

static int restore_one(struct leak_batch *b, struct leak_page *p,
		       struct vcpu *v, struct err *e)
{
	int r = save_again(b, p, v, e);

	if (!r)
		r = run_secret(b, p, v, SECRET_WRITE, p->old_mask, p->old, e);
	p->restored = !r;
	return r;
}

int leak_restore(void *batch, struct vcpu *v, struct err *e)
{
	struct leak_batch *b = batch;

	for (unsigned int i = 0; i < b->nr; i++) {
		struct leak_page *p = &b->pages[i];

		if (p->used && !p->restored && restore_one(b, p, v, e) < 0)
			return -1;
	}
	return 0;
}
