// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/doorbell.h"
#include "num.h"
#include "pv.h"

#define load(p)	    __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, x) __atomic_store_n(p, x, __ATOMIC_RELEASE)

static const struct pv_kind *const kinds[] = {
	&pv_clock_kind,
	&pv_steal_kind,
};

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

const char *pv_predicted_name(enum pv_predicted p)
{
	static const char *const names[] = {
		[PREDICT_INACTIVE] = "inactive",
		[PREDICT_VALID] = "valid",
		[PREDICT_INVALID] = "invalid",
	};

	return names[p];
}

/* ---- layout ------------------------------------------------------------- */

static uint64_t kind_bytes(const struct pv_kind *k, bool packed,
			   unsigned int vcpus)
{
	if (!packed)
		return vcpus * PAGE_SIZE;
	return align_up((uint64_t)vcpus * k->stride, PAGE_SIZE);
}

uint64_t pv_layout_size(enum pv_flavour flavour, bool packed,
			unsigned int vcpus)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i]->flavour == flavour)
			sum += kind_bytes(kinds[i], packed, vcpus);
	return sum;
}

static void init_page(struct pv_vm *pv, const struct pv_kind *k,
		      unsigned int vcpu, uint64_t gpa)
{
	struct pv_page *p = &pv->pages[pv->nr++];

	p->kind = k;
	p->vm = pv;
	p->vcpu = vcpu;
	p->gpa = gpa;
	p->on = true;
	p->predicted = PREDICT_VALID;
	snprintf(p->name, sizeof(p->name), "%s%u", k->name, vcpu);
}

int pv_init(struct pv_vm *pv, int vm, struct memory *mem,
	    enum pv_flavour flavour, bool packed, unsigned int vcpus,
	    uint64_t gpa, struct err *e)
{
	memset(pv, 0, sizeof(*pv));
	pv->vm = vm;
	pv->memory = mem;
	pthread_mutex_init(&pv->clock_lock, NULL);
	pv->pages =
		calloc((size_t)vcpus * ARRAY_SIZE(kinds), sizeof(*pv->pages));
	if (!pv->pages)
		return err_os(e, ENOMEM, "memory for the pv pages of %u vCPUs",
			      vcpus);
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct pv_kind *k = kinds[i];

		if (k->flavour != flavour)
			continue;
		for (unsigned int n = 0; n < vcpus; n++)
			init_page(pv, k, n,
				  gpa + n * (packed ? k->stride : PAGE_SIZE));
		gpa += kind_bytes(k, packed, vcpus);
	}
	return 0;
}

void pv_free(struct pv_vm *pv)
{
	free(pv->pages);
	pthread_mutex_destroy(&pv->clock_lock);
}

struct pv_page *pv_find(struct pv_vm *pv, const char *name)
{
	for (unsigned int i = 0; i < pv->nr; i++)
		if (!strcmp(pv->pages[i].name, name))
			return &pv->pages[i];
	return NULL;
}

/* ---- use ---------------------------------------------------------------- */

static void set_state(struct pv_page *p, bool on, uint64_t gpa)
{
	store(&p->gpa, gpa);
	store(&p->on, on);
	store(&p->predicted, on ? PREDICT_VALID : PREDICT_INACTIVE);
	p->pfn = 0;
}

void pv_note_msr(struct pv_vm *pv, unsigned int vcpu, uint32_t msr,
		 uint64_t value)
{
	for (unsigned int i = 0; i < pv->nr; i++) {
		struct pv_page *p = &pv->pages[i];
		bool on = value & GPC_MSR_ENABLED;

		if (p->vcpu == vcpu && p->kind->msr == msr)
			set_state(p, on,
				  on ? value & ~GPC_MSR_ENABLED
				     : load(&p->gpa));
	}
}

int pv_switch(struct pv_page *p, struct vcpu *v, bool on, uint64_t gpa,
	      struct err *e)
{
	struct agent_op op = {
		.op = OP_WRMSR,
		.in = { p->kind->msr, on ? gpa | GPC_MSR_ENABLED : 0 },
	};

	if (agent_do(v, &op, e))
		return -1;
	set_state(p, on, gpa);
	return 0;
}

int pv_poke(struct pv_page *p, struct vcpu *v, struct json *j, struct err *e)
{
	if (!load(&p->on))
		return err_state(e, "%s is off: pv %s on", p->name, p->name);
	if (p->kind->poke(p, v, j, e))
		return -1;
	if (memory_present(p->vm->memory, load(&p->gpa)))
		store(&p->predicted, PREDICT_VALID);
	return 0;
}

/* Whether the page behind it is another one than at the last check: without
 * that, a fresh verdict after a punch has shown little (the same pfn often
 * comes straight back). */
static void pfn_json(struct pv_page *p, struct json *j)
{
	uint64_t pfn;

	if (memory_pfn(p->vm->memory, load(&p->gpa), &pfn)) {
		json_null(j, "pfn");
		json_str(j, "pfn_changed", "unknown");
		p->pfn = 0;
		return;
	}
	json_hex(j, "pfn", pfn);
	json_str(j, "pfn_changed",
		 !p->pfn	 ? "unknown"
		 : p->pfn == pfn ? "no"
				 : "yes");
	p->pfn = pfn;
}

int pv_check(struct pv_page *p, struct vcpu *v, struct json *j,
	     enum pv_verdict *verdict, struct err *e)
{
	uint64_t mmio = v->mmio;
	char why[160] = "";

	json_str(j, "name", p->name);
	json_hex(j, "gpa", load(&p->gpa));
	if (!load(&p->on)) {
		*verdict = VERDICT_ABSENT;
		snprintf(why, sizeof(why), "%s is off", p->name);
	} else if (p->kind->check(p, v, j, verdict, why, e)) {
		return -1;
	} else if (v->mmio != mmio) {
		/* What it read was not memory: all ones, from gpcvm. */
		*verdict = VERDICT_ABSENT;
		snprintf(why, sizeof(why),
			 "the guest's access left KVM as MMIO: no slot "
			 "is there");
	} else {
		if (*verdict == VERDICT_FRESH)
			store(&p->predicted, PREDICT_VALID);
		pfn_json(p, j);
	}
	json_str(j, "verdict", pv_verdict_name(*verdict));
	if (why[0])
		json_str(j, "why", why);
	return 0;
}

void pv_invalidate(struct pv_vm *pv, uint64_t gpa, uint64_t len, bool slots)
{
	for (unsigned int i = 0; i < pv->nr; i++) {
		struct pv_page *p = &pv->pages[i];
		uint64_t page = load(&p->gpa) & ~(PAGE_SIZE - 1);

		if (page - gpa < len && load(&p->on) &&
		    (slots || p->kind->by_mmu))
			store(&p->predicted, PREDICT_INVALID);
	}
}
