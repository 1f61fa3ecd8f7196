// SPDX-License-Identifier: GPL-2.0-only
/* poison: memory failure on a page of the guest. */
#include <inttypes.h>

#include "base/num.h"
#include "command/handlers.h"
#include "control/session.h"
#include "host/poison.h"
#include "leak/leak.h"

/* How often to retry when memory changes during the search. */
#define TRIES 3

static void poison_json(struct request *rq, uint64_t gpa,
			const struct poisoned *done)
{
	struct machine *m = rq->m;

	event_add(&m->events, EVENT_MACHINE,
		  "poisoned gpa 0x%" PRIx64 ", pfn 0x%" PRIx64
		  ", through %s: the host loses the page until it reboots",
		  gpa, done->pfn, done->by);
	reply_range(rq, gpa, PAGE_SIZE);
	if (done->pfn)
		json_hex(&rq->reply, "pfn", done->pfn);
	else
		json_null(&rq->reply, "pfn");
	json_str(&rq->reply, "by", done->by);
	if (done->answer)
		json_str(&rq->reply, "answer", err_errno_name(done->answer));
	else
		json_null(&rq->reply, "answer");
}

/* Wait for a change in progress, which has been counted already. */
static uint64_t changes_now(struct memory *m)
{
	uint64_t n;

	pthread_rwlock_wrlock(&m->lock);
	n = m->changes;
	pthread_rwlock_unlock(&m->lock);
	return n;
}

/* Poison a private page unless memory has changed since @changes was read: the
 * pfn may have another owner now. Returns 0, -1, or 1 after a change. */
static int poison_found(struct request *rq, uint64_t pfn, uint64_t changes,
			struct poisoned *done)
{
	struct mem_change ch = { .kind = MEM_POISONED,
				 .gpa = rq->arg[0],
				 .len = PAGE_SIZE };
	struct memory *mem = &rq->m->memory;
	int r = 1;

	/* Locked for writing, so that it is not
	 * punched or converted meanwhile. */
	pthread_rwlock_wrlock(&mem->lock);
	if (mem->changes == changes) {
		memory_begin(mem, &ch);
		r = poison_by_pfn(rq->s->poisoner, pfn, done, &rq->err);
		memory_end(mem, &ch, r);
	}
	pthread_rwlock_unlock(&mem->lock);
	return r;
}

/* Runs on a thread of its own. A private page has no mapping from which to read
 * the pfn, so search the direct map for it. */
static int poison_private(struct request *rq)
{
	uint64_t gpa = rq->arg[0], pfn, changes;
	struct poisoned done = { 0 };
	int r = 1;

	for (int i = 0; i < TRIES && r > 0; i++) {
		changes = changes_now(&rq->m->memory);
		if (leak_locate(rq, gpa, &pfn))
			return -1;
		r = poison_found(rq, pfn, changes, &done);
	}
	if (r > 0)
		return err_state(
			&rq->err,
			"memory keeps being punched or converted: cannot "
			"determine the pfn of gpa 0x%" PRIx64,
			gpa);
	if (r)
		return -1;
	rq->s->poisoned++;
	poison_json(rq, gpa, &done);
	return 0;
}

int cmd_poison(struct request *rq)
{
	struct machine *m = rq->m;
	struct poisoned done = { 0 };
	uint64_t gpa, len;

	if (request_pages(rq, 0, &gpa, &len) ||
	    machine_guard(m, gpa, len, &rq->err))
		return -1;
	if (!rq->s->poisoner)
		return err_unsupported(
			&rq->err,
			"gpcvm has dropped the privilege to poison memory: "
			"start it with --poison");
	if (memory_is_private(&m->memory, gpa)) {
		if (memory_check_open(&m->memory, gpa, len, &rq->err) ||
		    leak_check(rq->s->leak, &rq->err))
			return -1;
		rq->arg[0] = gpa;
		return request_on_thread(rq, SANDBOX_THREAD, poison_private,
					 NULL);
	}
	if (memory_poison(&m->memory, gpa, rq->s->poisoner, &done, &rq->err))
		return -1;
	rq->s->poisoned++;
	poison_json(rq, gpa, &done);
	return 0;
}
