// SPDX-License-Identifier: GPL-2.0-only
/* poison: memory failure on a page of the guest. */
#include <inttypes.h>

#include "commands.h"
#include "poison.h"

/* The pfn behind a private page. No page table of the host has it. */
static int poison_pfn(struct machine *m, uint64_t gpa, uint64_t *pfn,
		      struct err *e)
{
	(void)m;
	*pfn = 0;
	return err_unsupported(
		e,
		"gpa 0x%" PRIx64 " is private: no mapping of the host tells "
		"its pfn, and this gpcvm has no other way to find it; attr "
		"shared makes another page of it, which can be poisoned",
		gpa);
}

static int poison_private(struct request *rq, uint64_t gpa, uint64_t len,
			  struct poisoned *out)
{
	struct machine *m = rq->m;
	uint64_t pfn;

	if (memory_check_open(&m->memory, gpa, len, &rq->err) ||
	    poison_pfn(m, gpa, &pfn, &rq->err))
		return -1;
	return poison_by_pfn(m->poisoner, pfn, out, &rq->err);
}

int cmd_poison(struct request *rq)
{
	struct machine *m = rq->m;
	struct poisoned done = { 0 };
	uint64_t gpa, len;
	int r;

	if (request_pages(rq, 0, &gpa, &len) ||
	    machine_guard(m, gpa, len, &rq->err))
		return -1;
	if (!m->poisoner)
		return err_unsupported(
			&rq->err,
			"gpcvm has given up the right to poison memory: start "
			"gpcvm with --poison");
	if (memory_is_private(&m->memory, gpa))
		r = poison_private(rq, gpa, len, &done);
	else
		r = memory_poison(&m->memory, gpa, m->poisoner, &done,
				  &rq->err);
	if (r)
		return -1;
	m->poisoned++;
	pv_invalidate(&m->pv, gpa, len, false);
	event_add(&m->events, EVENT_MACHINE,
		  "gpa 0x%" PRIx64 " is poisoned, pfn 0x%" PRIx64
		  ", through %s: lost to the host until it reboots",
		  gpa, done.pfn, done.by);
	json_hex(&rq->reply, "gpa", gpa);
	json_hex(&rq->reply, "len", len);
	if (done.pfn)
		json_hex(&rq->reply, "pfn", done.pfn);
	else
		json_null(&rq->reply, "pfn");
	json_str(&rq->reply, "by", done.by);
	if (done.answer)
		json_str(&rq->reply, "answer", err_errno_name(done.answer));
	else
		json_null(&rq->reply, "answer");
	return 0;
}
