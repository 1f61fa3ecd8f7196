// SPDX-License-Identifier: GPL-2.0-only
/* leak: check whether a page is reachable through the host's direct map. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "command/handlers.h"
#include "control/session.h"
#include "leak/leak.h"

/* A row of the reply. pv pages on one page of memory share a measurement. */
struct row {
	const char *name;
	unsigned int page;
};

/* The model's expectation for a page, read before the measurement. */
struct expect {
	enum model_map map;
	uint64_t changes; /* the model's counter at that time */
};

static void expect_all(struct machine *m, const struct leak_page *pages,
		       unsigned int nr, struct expect *expects)
{
	for (unsigned int i = 0; i < nr; i++)
		expects[i].map = model_direct_map(&m->pv.model, pages[i].gpa,
						  &expects[i].changes);
}

/* Compare the measurement with the expectation, unless an operation of gpcvm
 * changed memory or a cache in between. */
static void note_disagreement(struct machine *m, const struct leak_page *p,
			      const struct expect *g, struct json *j)
{
	uint64_t changes;
	enum model_map map = model_direct_map(&m->pv.model, p->gpa, &changes);
	char text[64];

	if (changes != g->changes)
		map = MODEL_MAP_UNKNOWN;
	json_str(j, "expected", model_map_name(map));
	if (!leak_differs(p->state, map, text))
		return;
	json_str(j, "disagreement", text);
	event_add(&m->events, EVENT_MODEL, "leak of gpa 0x%" PRIx64 ": %s",
		  p->gpa, text);
}

static void leak_page_json(const struct leak_page *p, struct json *j)
{
	json_hex(j, "gpa", p->gpa);
	json_str(j, "leak", leak_state_name(p->state));
	if (p->state == LEAK_PRESENT)
		json_hex(j, "phys", p->phys);
	if (p->why[0])
		json_str(j, "why", p->why);
	if (p->used)
		json_bool(j, "restored", p->restored);
}

static void leak_result_json(const struct leak_result *r, struct json *j)
{
	json_object(j, "control");
	json_str(j, "leak", leak_state_name(r->control));
	if (r->control == LEAK_PRESENT)
		json_hex(j, "phys", r->control_phys);
	else
		json_str(j, "why", r->control_why);
	json_object_end(j);
	json_num(j, "direct_map", r->ram);
	json_num(j, "scanned", r->scanned);
	json_num(j, "unreadable", r->unreadable);
	json_num(j, "scans", r->scans);
}

static int leak_one(struct request *rq)
{
	const bool off = rq->arg[1];
	struct leak_page page = { .gpa = rq->arg[0],
				  .found = off ? leak_watch_off : NULL };
	struct leak_result res;
	struct expect expect;

	if (!off)
		expect_all(rq->m, &page, 1, &expect);
	if (leak_measure(rq, &page, 1, &res))
		return -1;
	if (off && rq->page->on)
		return err_state(
			&rq->err,
			"%s was not switched off: the leak check before it "
			"gave %s: %s",
			rq->page->name, leak_state_name(page.state), page.why);
	if (off)
		expect_all(rq->m, &page, 1, &expect);
	if (rq->page)
		json_str(&rq->reply, "name", rq->page->name);
	leak_page_json(&page, &rq->reply);
	note_disagreement(rq->m, &page, &expect, &rq->reply);
	leak_result_json(&res, &rq->reply);
	return 0;
}

/* ---- all ---------------------------------------------------------------- */

/* Return the index in @pages of the page at @gpa; add it if missing. */
static unsigned int page_of(struct leak_page *pages, unsigned int *nr,
			    uint64_t gpa)
{
	unsigned int i = *nr;

	gpa &= ~(PAGE_SIZE - 1);
	while (i && pages[i - 1].gpa != gpa)
		i--;
	if (i)
		return i - 1;
	pages[*nr].gpa = gpa;
	return (*nr)++;
}

static unsigned int list_pages(struct machine *m, struct row *rows,
			       struct leak_page *pages, unsigned int *nr)
{
	const struct span *pv = &m->layout.pv;
	unsigned int n = 0;

	for (unsigned int i = 0; i < m->pv.nr; i++) {
		const struct pv_page *p = &m->pv.pages[i];
		uint64_t gpa = p->gpa;

		if (!p->on)
			continue;
		rows[n].name = p->name;
		rows[n++].page = page_of(pages, nr, gpa);
	}
	/* Add a page of RAM that is no pv page, reserved by the layout. */
	rows[n].name = "ram";
	rows[n++].page = page_of(pages, nr, pv->gpa + pv->len);
	return n;
}

static int leak_all(struct request *rq)
{
	unsigned int most = rq->m->pv.nr + 1, n, nr = 0;
	struct row *rows = calloc(most, sizeof(*rows));
	struct leak_page *pages = calloc(most, sizeof(*pages));
	struct expect *expects = calloc(most, sizeof(*expects));
	enum leak_state worst = LEAK_ABSENT;
	struct json *j = &rq->reply;
	struct leak_result res;
	int r = -1;

	if (!rows || !pages || !expects) {
		err_os(&rq->err, ENOMEM, "memory for %u pages", most);
		goto out;
	}
	n = list_pages(rq->m, rows, pages, &nr);
	expect_all(rq->m, pages, nr, expects);
	r = leak_measure(rq, pages, nr, &res);
	if (r)
		goto out;
	json_array(j, "pages");
	for (unsigned int i = 0; i < n; i++) {
		const struct leak_page *p = &pages[rows[i].page];

		json_object(j, NULL);
		json_str(j, "name", rows[i].name);
		leak_page_json(p, j);
		note_disagreement(rq->m, p, &expects[rows[i].page], j);
		json_object_end(j);
		worst = p->state > worst ? p->state : worst;
	}
	json_array_end(j);
	json_str(j, "leak", leak_state_name(worst));
	leak_result_json(&res, j);
out:
	free(rows);
	free(pages);
	free(expects);
	return r;
}

int cmd_leak(struct request *rq)
{
	struct machine *m = rq->m;
	bool off = rq->argc == 2;

	if (off && strcmp(rq->argv[1], "off"))
		return err_usage(
			&rq->err,
			"unexpected argument '%.32s': leak %.32s [off]",
			rq->argv[1], rq->argv[0]);
	if (!off && !strcmp(rq->argv[0], "all")) {
		if (leak_check(rq->s->leak, &rq->err) ||
		    arg_any_page(m, &rq->err))
			return -1;
		return request_on_thread(rq, SANDBOX_THREAD, leak_all, NULL);
	}
	if (request_gpa(rq, 0, &rq->arg[0], &rq->page))
		return -1;
	if (off && !rq->page)
		return err_usage(&rq->err, "leak off: '%s' is not a pv page",
				 rq->argv[0]);
	if (off && !rq->page->on)
		return err_state(&rq->err, "%s is already off", rq->page->name);
	rq->arg[0] &= ~(PAGE_SIZE - 1);
	if (memory_check(&m->memory, rq->arg[0], PAGE_SIZE, PAGE_SIZE,
			 &rq->err) ||
	    machine_guard(m, rq->arg[0], PAGE_SIZE, &rq->err) ||
	    leak_check(rq->s->leak, &rq->err))
		return -1;
	rq->arg[1] = off;
	return request_on_thread(rq, SANDBOX_THREAD, leak_one, NULL);
}
