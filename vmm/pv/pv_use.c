// SPDX-License-Identifier: GPL-2.0-only
/* Poke and check pv pages. */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "pv/pv.h"

int pv_poke(struct pv_page *p, struct vcpu *v, struct json *j, struct err *e)
{
	struct model *m = &p->vm->model;
	struct model_use use;

	pv_settle(p, v);
	if (!p->on)
		return err_state(e, "%s is off: activate it with 'pv %s on'",
				 p->name, p->name);
	model_begin(m, pv_index(p), &use);
	if (p->kind->poke(p, v, j, e)) {
		model_doubt(m, pv_index(p));
		return -1;
	}
	model_end(m, pv_index(p), &use);
	return 0;
}

static void one_pfn_json(struct memory *m, uint64_t gpa, uint64_t *last,
			 const char *name, const char *changed, struct json *j)
{
	uint64_t pfn;

	if (memory_pfn(m, gpa, &pfn)) {
		json_null(j, name);
		json_str(j, changed, "unknown");
		*last = 0;
		return;
	}
	json_hex(j, name, pfn);
	json_str(j, changed, !*last ? "unknown" : *last == pfn ? "no" : "yes");
	*last = pfn;
}

/* Report whether the pfn changed since the last check. If it did
 * not, a fresh verdict after a punch proves little: the same pfn
 * often comes straight back. */
static void pfn_json(struct pv_page *p, struct json *j)
{
	uint64_t first, len = pv_span(p, &first);

	one_pfn_json(p->vm->memory, first, &p->pfn[0], "pfn", "pfn_changed", j);
	if (len > PAGE_SIZE)
		one_pfn_json(p->vm->memory, first + PAGE_SIZE, &p->pfn[1],
			     "pfn2", "pfn2_changed", j);
}

static void append_why(char why[static 160], const char *text)
{
	size_t n = strlen(why);

	snprintf(why + n, 160 - n, "%s%s", n ? "; " : "", text);
}

/* KVM writes through the hva's mapping. In gmem-private that is the alias, and
 * the guest reads another page at a private gfn. */
static void add_alias(const struct pv_page *p, char why[static 160])
{
	if (p->by_hva && memory_is_private(p->vm->memory, p->gpa) &&
	    !strstr(why, "alias"))
		append_why(why,
			   "KVM writes the shared alias by hva, but the gfn is "
			   "private");
}

/* ---- check -------------------------------------------------------------- */

/* Repeat a check that is not fresh if another operation changed the same memory
 * meanwhile: the guest may have read a page that replaced the one KVM wrote. */
#define CHECK_TRIES 4

/* The model's part in a check. */
struct judged {
	enum model_expect expect;
	bool nowhere; /* KVM cannot have written any page */
};

static const char *unless_empty(const char *text, const char *mark)
{
	return text[0] ? mark : "";
}

/* Report a disagreement between the model, the guest and the kernel, as far as
 * the model and the kernel say anything. */
static void compare_verdict(struct pv_page *p, const struct judged *d,
			    enum pv_verdict verdict, const char *why,
			    struct json *j)
{
	const char *model = model_expect_name(d->expect);
	const bool nowhere = d->nowhere && p->found.wrote;
	const char *guest = pv_verdict_name(verdict);
	const char *kernel = p->found.kernel;
	char text[420];

	json_str(j, "expected", model);
	p->found.as_expected = d->expect == EXPECT_UNKNOWN ||
			       !strcmp(model, guest);
	if (nowhere)
		model = "KVM cannot write the page";
	if (verdict == VERDICT_UNSUPPORTED)
		return;
	if (!p->found.differs && !nowhere && p->found.as_expected)
		return;
	snprintf(text, sizeof(text), "model: %s; guest: %s%s%s%s%s%s", model,
		 guest, unless_empty(why, " ("), why, unless_empty(why, ")"),
		 unless_empty(kernel, "; kernel: "), kernel);
	json_str(j, "disagreement", text);
	if (p->vm->log)
		event_add(p->vm->log, EVENT_MODEL, "%s: %s", p->name, text);
}

/* Have the kind judge the page. Detect a switch meanwhile, and accesses
 * that did not reach memory. */
static int judge_use(struct pv_page *p, struct vcpu *v, enum pv_how how,
		     struct json *j, enum pv_verdict *verdict,
		     char why[static 160], struct err *e)
{
	unsigned int changes = p->changes;
	uint64_t mmio = v->mmio;

	p->found = (struct pv_found){ .full = how == PV_FULL };
	why[0] = '\0';
	if (!p->on) {
		*verdict = VERDICT_ABSENT;
		snprintf(why, 160, "%s is off", p->name);
		return 0;
	}
	if ((how == PV_LOOK ? p->kind->look : p->kind->check)(p, v, j, verdict,
							      why, e))
		return -1;
	/* Host-side switches happen between two KVM_RUNs. */
	if (p->changes != changes)
		return err_state(e,
				 "%s was switched during the check: try again",
				 p->name);
	p->found.reached = v->mmio == mmio;
	if (p->found.reached)
		return 0;
	/* The guest read all ones from gpcvm, not memory. */
	p->found = (struct pv_found){ 0 };
	*verdict = VERDICT_ABSENT;
	snprintf(why, 160, "the guest's access exited as MMIO: %s",
		 memory_present(p->vm->memory, p->gpa)
			 ? "the slot has no page there"
			 : "no slot covers the gpa");
	return 0;
}

/* Judge the page, compare with the model, and look for a lost write. */
static int judge_alone(struct pv_page *p, struct vcpu *v, enum pv_how how,
		       struct json *j, enum pv_verdict *verdict,
		       struct judged *d, char why[static 160], struct err *e)
{
	struct model *m = &p->vm->model;
	const struct json_mark mark = json_mark(j);
	struct model_use use;

	for (int i = 0; i < CHECK_TRIES; i++) {
		json_rewind(j, mark);
		if (how == PV_LOOK)
			model_begin_look(m, pv_index(p), &use);
		else
			model_begin(m, pv_index(p), &use);
		if (judge_use(p, v, how, j, verdict, why, e)) {
			model_doubt(m, pv_index(p));
			return -1;
		}
		d->expect = model_end(m, pv_index(p), &use);
		d->nowhere = use.nowhere;
		if (use.clear || *verdict == VERDICT_FRESH)
			break;
	}
	if (*verdict != VERDICT_STALE && *verdict != VERDICT_TORN)
		return 0;
	if (use.clear && how != PV_LOOK && !p->found.here)
		pv_elsewhere(p, v, j, why);
	else if (!use.clear)
		append_why(why, "its memory was changed during the check");
	add_alias(p, why);
	return 0;
}

int pv_check(struct pv_page *p, struct vcpu *v, enum pv_how how, struct json *j,
	     enum pv_verdict *verdict, struct err *e)
{
	struct judged d = { .expect = EXPECT_UNKNOWN };
	char why[160] = "";

	pv_settle(p, v);
	json_str(j, "name", p->name);
	json_hex(j, "gpa", p->gpa);
	if (judge_alone(p, v, how, j, verdict, &d, why, e))
		return -1;
	if (p->found.reached)
		pfn_json(p, j);
	json_str(j, "verdict", pv_verdict_name(*verdict));
	if (why[0])
		json_str(j, "why", why);
	compare_verdict(p, &d, *verdict, why, j);
	return 0;
}
