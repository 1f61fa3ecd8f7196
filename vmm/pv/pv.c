// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "pv/pv.h"
#include "vcpu/agent.h"

#define MSR_TSC	       0x10
#define MSR_TSC_ADJUST 0x3b

const char *pv_verdict_name(enum pv_verdict v)
{
	static const char *const names[] = {
		[VERDICT_FRESH] = "fresh",
		[VERDICT_UNSUPPORTED] = "unsupported",
		[VERDICT_ABSENT] = "absent",
		[VERDICT_STALE] = "stale",
		[VERDICT_TORN] = "torn",
	};

	return names[v];
}

/* ---- layout ------------------------------------------------------------- */

/* Distance from the start of one page to the start of the next. */
static uint64_t page_distance(const struct pv_kind *k, enum pv_layout layout)
{
	if (layout == PV_PACKED)
		return k->stride;
	return layout == PV_SPLIT && k->split ? 2 * PAGE_SIZE : PAGE_SIZE;
}

static unsigned int kind_pages(const struct pv_kind *k, unsigned int vcpus)
{
	return k->per_vm ? 1 : vcpus;
}

static uint64_t kind_bytes(const struct pv_kind *k, enum pv_layout layout,
			   unsigned int vcpus)
{
	return align_up(kind_pages(k, vcpus) * page_distance(k, layout),
			PAGE_SIZE);
}

uint64_t pv_layout_size(const struct pv_plan *plan)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; plan->kinds[i]; i++)
		if (plan->kinds[i]->flavour == plan->flavour)
			sum += kind_bytes(plan->kinds[i], plan->layout,
					  plan->vcpus);
	return sum;
}

static unsigned int count_pages(const struct pv_plan *plan)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; plan->kinds[i]; i++)
		if (plan->kinds[i]->flavour == plan->flavour)
			sum += kind_pages(plan->kinds[i], plan->vcpus);
	return sum;
}

const char *pv_cached_by(const struct pv_page *p)
{
	if (p->kind->private_gpc && p->vm->memory->private_steal)
		return "gpc";
	return p->kind->cached_by;
}

static void init_page(struct pv_vm *pv, const struct pv_kind *k,
		      unsigned int vcpu, uint64_t gpa)
{
	struct pv_page *p = &pv->pages[pv->nr++];

	p->kind = k;
	p->vm = pv;
	p->vcpu = vcpu;
	p->gpa = pv->guests ? 0 : gpa;
	p->on = !pv->guests;
	model_describe(
		&pv->model, pv_index(p),
		&(struct model_kind){ .size = k->size,
				      .align = k->align,
				      .ghc = !strcmp(pv_cached_by(p), "ghc"),
				      .fragile = k->fragile,
				      .kept = k->kept });
	model_switch(&pv->model, pv_index(p), p->gpa, p->on, false);
	if (k->per_vm)
		snprintf(p->name, sizeof(p->name), "%s", k->name);
	else
		snprintf(p->name, sizeof(p->name), "%s%u", k->name, vcpu);
}

int pv_init(struct pv_vm *pv, int vm, struct memory *mem,
	    const struct pv_plan *plan, uint64_t gpa, struct err *e)
{
	const unsigned int nr = count_pages(plan);

	memset(pv, 0, sizeof(*pv));
	pv->vm = vm;
	pv->memory = mem;
	pv->guests = gpa == PV_GUESTS;
	pthread_mutex_init(&pv->clock_lock, NULL);
	pv->pages = calloc(nr ?: 1, sizeof(*pv->pages));
	if (!pv->pages)
		return err_os(e, ENOMEM, "memory for the pv pages of %u vCPUs",
			      plan->vcpus);
	if (model_init(&pv->model, mem, nr, e))
		return -1;
	for (unsigned int i = 0; plan->kinds[i]; i++) {
		const struct pv_kind *k = plan->kinds[i];

		uint64_t at = gpa;

		if (k->flavour != plan->flavour)
			continue;
		if (plan->layout == PV_SPLIT && k->split)
			at += PAGE_SIZE - k->split;
		for (unsigned int n = 0; n < kind_pages(k, plan->vcpus); n++)
			init_page(pv, k, n,
				  at + n * page_distance(k, plan->layout));
		gpa += kind_bytes(k, plan->layout, plan->vcpus);
	}
	return 0;
}

void pv_free(struct pv_vm *pv)
{
	model_free(&pv->model);
	free(pv->pages);
	pthread_mutex_destroy(&pv->clock_lock);
}

unsigned int pv_index(const struct pv_page *p)
{
	return (unsigned int)(p - p->vm->pages);
}

struct pv_page *pv_find(struct pv_vm *pv, const char *name)
{
	for (unsigned int i = 0; i < pv->nr; i++)
		if (!strcmp(pv->pages[i].name, name))
			return &pv->pages[i];
	return NULL;
}

uint64_t pv_span(const struct pv_page *p, uint64_t *first)
{
	uint64_t gpa = p->gpa;

	*first = gpa & ~(PAGE_SIZE - 1);
	return align_up(gpa + p->kind->size, PAGE_SIZE) - *first;
}

const struct pv_page *pv_overlap(const struct pv_page *p, uint64_t gpa)
{
	const struct pv_vm *pv = p->vm;

	for (unsigned int i = 0; i < pv->nr; i++) {
		const struct pv_page *q = &pv->pages[i];
		uint64_t at = q->gpa;

		if (q != p && q->on &&
		    gpa + p->kind->lead < at + q->kind->size &&
		    at + q->kind->lead < gpa + p->kind->size)
			return q;
	}
	return NULL;
}

int pv_get_clock(const struct pv_vm *pv, struct kvm_clock_data *d,
		 struct err *e)
{
	int r;

	memset(d, 0, sizeof(*d));
	r = kvm_get_clock(pv->vm, d);
	return r < 0 ? err_kvm(e, -r, "KVM_GET_CLOCK") : 0;
}

/* ---- on and off --------------------------------------------------------- */

static void set_state(struct pv_page *p, const struct pv_where *w)
{
	if (p->gpa != w->gpa) {
		p->former = p->gpa;
		p->moved = p->littered = true;
	}
	p->gpa = w->gpa;
	p->hva = w->hva;
	p->by_hva = w->by_hva;
	p->on = w->on;
	memset(p->pfn, 0, sizeof(p->pfn));
	p->changes++;
	p->in_doubt = false;
	model_switch(&p->vm->model, pv_index(p), w->gpa, w->on, w->by_hva);
}

/* KVM does not update the clocks when the guest writes its
 * own TSC (arch/x86/kvm/x86.c, kvm_set_msr_common): they are
 * wrong until the next update. */
static void note_tsc(struct pv_vm *pv, unsigned int vcpu)
{
	for (unsigned int i = 0; i < pv->nr; i++)
		if (pv->pages[i].vcpu == vcpu && pv->pages[i].kind->kept)
			model_scribble(&pv->model, pv->pages[i].gpa, 1);
}

void pv_note_msr(struct pv_vm *pv, unsigned int vcpu, uint32_t msr,
		 uint64_t value)
{
	if (msr == MSR_TSC || msr == MSR_TSC_ADJUST)
		note_tsc(pv, vcpu);
	for (unsigned int i = 0; i < pv->nr; i++) {
		struct pv_page *p = &pv->pages[i];
		bool on = value & KVM_MSR_ENABLED;
		struct pv_where w = { .on = on,
				      .gpa = on ? value & ~KVM_MSR_ENABLED
						: p->gpa };

		if (p->vcpu == vcpu && p->kind->msr && p->kind->msr == msr)
			set_state(p, &w);
	}
}

void pv_doubt_msr(struct pv_vm *pv, unsigned int vcpu, uint32_t msr)
{
	for (unsigned int i = 0; i < pv->nr; i++) {
		struct pv_page *p = &pv->pages[i];

		if (p->vcpu != vcpu || !p->kind->msr || p->kind->msr != msr)
			continue;
		p->in_doubt = true;
		model_doubt(&pv->model, pv_index(p));
	}
}

/* Does the MSR's @value match our state? */
static bool matches_msr(const struct pv_page *p, uint64_t value)
{
	bool on = value & KVM_MSR_ENABLED;

	return on == p->on && (!on || (value & ~KVM_MSR_ENABLED) == p->gpa);
}

void pv_settle(struct pv_page *p, struct vcpu *v)
{
	bool doubt = p->in_doubt;
	uint64_t value;

	if (!p->kind->msr || (!doubt && !p->vm->guests) ||
	    kvm_get_msr(v->fd, p->kind->msr, &value) < 0)
		return;
	if (doubt || !matches_msr(p, value))
		pv_note_msr(p->vm, v->index, p->kind->msr, value);
}

void pv_look(struct pv_vm *pv, struct vcpu *v)
{
	for (unsigned int i = 0; pv->guests && i < pv->nr; i++) {
		struct pv_page *p = &pv->pages[i];

		if (p->vcpu != v->index)
			continue;
		pv_settle(p, v);
		p->placed = p->gpa;
	}
}

struct pv_where pv_now(const struct pv_page *p)
{
	return (struct pv_where){ .on = p->on,
				  .by_hva = p->by_hva,
				  .gpa = p->gpa };
}

enum job_kind pv_switch_job(const struct pv_page *p)
{
	return p->kind->msr ? JOB_AGENT : JOB_HOST;
}

static int switch_by_guest(struct pv_page *p, struct vcpu *v,
			   const struct pv_where *to, struct err *e)
{
	struct agent_op op = {
		.op = OP_WRMSR,
		.in = { p->kind->msr, to->on ? to->gpa | KVM_MSR_ENABLED : 0 },
	};

	if (!agent_do(v, &op, e))
		return 0;
	if (v->agent.lost)
		p->in_doubt = true;
	return -1;
}

static int switch_by_host(struct pv_page *p, struct vcpu *v,
			  struct pv_where *to, struct err *e)
{
	struct pv_where off = { .gpa = p->gpa, .by_hva = p->by_hva };

	if (!to->on)
		return p->kind->activate(p, v, &off, e);
	if (to->by_hva && memory_hva(p->vm->memory, to->gpa, &to->hva, e))
		return -1;
	if (!p->kind->activate(p, v, to, e))
		return 0;
	/* KVM keeps a cache active after a failed activation and uses it once
	 * the page is there (virt/kvm/pfncache.c, __kvm_gpc_activate). */
	if (!p->kind->activate(p, v, &off, NULL))
		set_state(p, &off);
	return -1;
}

int pv_switch(struct pv_page *p, struct vcpu *v, const struct pv_where *to,
	      struct err *e)
{
	struct pv_where w = *to;

	pv_settle(p, v);
	if (p->kind->msr ? switch_by_guest(p, v, &w, e)
			 : switch_by_host(p, v, &w, e)) {
		model_doubt(&p->vm->model, pv_index(p));
		return -1;
	}
	set_state(p, &w);
	return 0;
}

int pv_start(struct pv_vm *pv, struct vcpu *vcpus, bool by_hva, struct err *e)
{
	for (unsigned int i = 0; i < pv->nr; i++) {
		struct pv_page *p = &pv->pages[i];
		struct pv_where w = { .on = true,
				      .by_hva = by_hva && p->kind->xen_hva,
				      .gpa = p->gpa };

		if (!p->kind->msr && pv_switch(p, &vcpus[p->vcpu], &w, e))
			return -1;
	}
	return 0;
}
