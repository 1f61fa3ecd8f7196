// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "control/session.h"
#include "host/kcore.h"
#include "leak/leak.h"

/* For pages that are moved or removed during a measurement. */
#define TRIES	       3
#define CONTROL_OFFSET (PAGE_SIZE - 64)
#define CONTROL_ID     UINT32_MAX

struct leak_turn {
	struct leak_turn *next;
};

/* gpcvm's own page: anonymous memory, which is in the direct map. */
struct own_page {
	uint64_t *page;
	uint64_t masked[SECRET_WORDS];
	bool seen;
	uint64_t hit;
};

struct measurement {
	struct request *rq;
	struct leak *leak;
	struct leak_batch batch;
	struct leak_result *res;
	struct kcore_map map;
	struct own_page control;
	struct kcore_secret *secrets;
	uint64_t ram; /* of the host after the scan */
};

const char *leak_state_name(enum leak_state s)
{
	static const char *const names[] = {
		[LEAK_ABSENT] = "absent",
		[LEAK_UNKNOWN] = "unknown",
		[LEAK_PRESENT] = "present",
	};

	return names[s];
}

bool leak_differs(enum leak_state seen, enum model_map expected,
		  char text[static 64])
{
	const bool known = seen != LEAK_UNKNOWN &&
			   expected != MODEL_MAP_UNKNOWN;

	if (!known || (seen == LEAK_PRESENT) == (expected == MODEL_MAP_PRESENT))
		return false;
	snprintf(text, 64, "model: %s; kcore: %s", model_map_name(expected),
		 leak_state_name(seen));
	return true;
}

static uint64_t host_ram(void)
{
	struct sysinfo si;

	return sysinfo(&si) ? 0 : (uint64_t)si.totalram * si.mem_unit;
}

void leak_open(struct leak *l)
{
	memset(l, 0, sizeof(*l));
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->cond, NULL);
	/* Only the opener needs CAP_SYS_RAWIO (fs/proc/kcore.c, open_kcore). */
	l->kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	l->kcore_errno = l->kcore < 0 ? errno : 0;
	l->ram = host_ram();
}

void leak_close(struct leak *l)
{
	if (l->kcore >= 0)
		close(l->kcore);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->cond);
}

int leak_check(const struct leak *l, struct err *e)
{
	if (l->kcore >= 0)
		return 0;
	if (l->kcore_errno == ENOENT)
		return err_unsupported(
			e,
			"this kernel has no /proc/kcore (CONFIG_PROC_KCORE), "
			"which leak needs to read the direct map");
	return err_set(e, ERR_UNSUPPORTED, l->kcore_errno,
		       "cannot open /proc/kcore, which leak needs to read the "
		       "direct map: run gpcvm as root with CAP_SYS_RAWIO, on a "
		       "kernel without lockdown");
}

/* ---- one at a time ------------------------------------------------------ */

static void leave_queue(struct leak *l, struct leak_turn *t)
{
	struct leak_turn **at = &l->first;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	pthread_cond_broadcast(&l->cond);
}

static void end_turn(struct leak *l, struct leak_turn *t)
{
	pthread_mutex_lock(&l->lock);
	leave_queue(l, t);
	pthread_mutex_unlock(&l->lock);
}

/* Wait for a turn: two measurements of one page would disturb each other. */
static int take_turn(struct request *rq, struct leak_turn *t)
{
	struct leak *l = rq->s->leak;
	struct leak_turn **tail;
	int r = 0;

	pthread_mutex_lock(&l->lock);
	t->next = NULL;
	for (tail = &l->first; *tail; tail = &(*tail)->next)
		;
	*tail = t;
	while (l->first != t) {
		struct timespec ts = clock_at(now_ns() + 50 * NS_PER_MS);

		pthread_cond_clockwait(&l->cond, &l->lock, CLOCK_MONOTONIC,
				       &ts);
		if (request_cancelled(rq)) {
			leave_queue(l, t);
			r = err_state(&rq->err, "cancelled while waiting for "
						"another measurement");
			break;
		}
	}
	pthread_mutex_unlock(&l->lock);
	return r;
}

/* ---- the control page --------------------------------------------------- */

/* Plant the words as the guest does (guest/ops_secret.c): no register holds an
 * unmasked word. */
static void plant_control(struct measurement *r)
{
	uint64_t *p = r->control.page + CONTROL_OFFSET / 8;

	for (int i = 0; i < SECRET_WORDS; i++)
		asm volatile("movq %2, %0; xorq %1, %0"
			     : "=&m"(p[i])
			     : "r"(r->control.masked[i]), "r"(r->batch.mask)
			     : "cc");
}

static int random_bytes(void *buf, size_t len, struct err *e)
{
	/* Up to 256 bytes are never short (getrandom(2)). */
	if (getrandom(buf, len, 0) != (ssize_t)len)
		return err_os(e, errno, "getrandom");
	return 0;
}

/* Choose a new mask and new words for the control page. */
static int new_mask(struct measurement *r)
{
	if (random_bytes(&r->batch.mask, 8, &r->rq->err) ||
	    random_bytes(r->control.masked, sizeof(r->control.masked),
			 &r->rq->err))
		return -1;
	r->batch.mask |= 1;
	plant_control(r);
	return 0;
}

static int control_unknown(struct measurement *r, const char *why)
{
	r->res->control = LEAK_UNKNOWN;
	snprintf(r->res->control_why, sizeof(r->res->control_why), "%s", why);
	return -1;
}

static int judge_control(struct measurement *r)
{
	struct own_page *c = &r->control;
	struct leak_result *res = r->res;
	uint64_t pfn;

	if (!c->seen)
		return control_unknown(r, "gpcvm's own page was not found, "
					  "although it is in the direct map");
	if (!kcore_holds(r->leak->kcore, &r->map, c->hit + CONTROL_OFFSET,
			 c->masked, r->batch.mask))
		return control_unknown(r, "the match for gpcvm's own page does "
					  "not change with it");
	if (!memory_pagemap(&r->rq->m->memory, c->page, &pfn) &&
	    pfn != c->hit / PAGE_SIZE)
		return control_unknown(r, "gpcvm's own page was found at "
					  "another pfn than its pagemap has");
	res->control = LEAK_PRESENT;
	res->control_phys = c->hit;
	res->control_why[0] = '\0';
	return 0;
}

/* ---- judging ------------------------------------------------------------ */

static void set_unknown(struct leak_page *p, const char *why)
{
	p->state = LEAK_UNKNOWN;
	snprintf(p->why, sizeof(p->why), "%s", why);
}

/* May the kernel migrate the page while it is in use? gmem pages are unmovable
 * (virt/kvm/guest_memfd.c, mapping_set_unmovable). */
static bool may_move(struct machine *m, uint64_t gpa)
{
	return m->memory.mode == MEM_ANON ||
	       (m->memory.mode == MEM_GMEM_PRIVATE &&
		!memory_is_private(&m->memory, gpa));
}

/* The words were not found: decide whether the page is absent. */
static void judge_absent(struct measurement *r, struct leak_page *p)
{
	if (r->res->unreadable) {
		snprintf(p->why, sizeof(p->why),
			 "not found, but %" PRIu64 " bytes of the direct map "
			 "could not be read",
			 r->res->unreadable);
	} else if (r->ram != r->leak->ram) {
		set_unknown(p, "not found, but the host's memory was resized "
			       "since gpcvm was started: restart gpcvm");
	} else if (may_move(r->rq->m, p->gpa)) {
		set_unknown(p, "not found, but the kernel may have moved this "
			       "page during the scan");
	} else {
		p->state = LEAK_ABSENT;
		p->settled = true;
		snprintf(p->why, sizeof(p->why),
			 "the guest's words are not in the direct map (all "
			 "%" PRIu64 " bytes searched)",
			 r->map.size);
	}
}

static void judge_page(struct measurement *r, struct leak_page *p)
{
	p->state = LEAK_UNKNOWN;
	p->settled = !p->planted; /* p->why has the reason */
	if (p->settled)
		return;
	if (r->res->control != LEAK_PRESENT) {
		set_unknown(p, r->res->control_why);
	} else if (!p->intact) {
		set_unknown(p, "the guest's words changed during the scan: the "
			       "page was punched, converted or written");
	} else if (!p->seen) {
		judge_absent(r, p);
	} else if (kcore_holds(r->leak->kcore, &r->map, p->hit + p->offset,
			       p->masked, p->mask)) {
		p->state = LEAK_PRESENT;
		p->phys = p->hit;
		p->settled = true;
		p->why[0] = '\0';
	} else {
		set_unknown(p, "the match does not change with the page: the "
			       "kernel is moving this page");
	}
}

/* ---- measuring ---------------------------------------------------------- */

static bool given_up(void *arg)
{
	return request_cancelled(arg);
}

static unsigned int list_secrets(struct measurement *r)
{
	struct leak_batch *b = &r->batch;
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->nr; i++) {
		const struct leak_page *p = &b->pages[i];
		struct kcore_secret *s = &r->secrets[n];

		if (p->settled || !p->planted)
			continue;
		*s = (struct kcore_secret){ .offset = p->offset, .id = i };
		memcpy(s->masked, p->masked, sizeof(s->masked));
		n++;
	}
	r->secrets[n] = (struct kcore_secret){ .offset = CONTROL_OFFSET,
					       .id = CONTROL_ID };
	memcpy(r->secrets[n].masked, r->control.masked,
	       sizeof(r->control.masked));
	return n + 1;
}

static void note_found(struct measurement *r, unsigned int n)
{
	r->control.seen = false;
	for (unsigned int i = 0; i < n; i++) {
		const struct kcore_secret *s = &r->secrets[i];

		if (s->id == CONTROL_ID) {
			r->control.seen = s->found;
			r->control.hit = s->phys;
		} else {
			r->batch.pages[s->id].seen = s->found;
			r->batch.pages[s->id].hit = s->phys;
		}
	}
}

static int scan_direct_map(struct measurement *r)
{
	struct kcore_scan s = { .mask = r->batch.mask,
				.secrets = r->secrets,
				.nr = list_secrets(r),
				.stop = given_up,
				.arg = r->rq };

	if (kcore_scan(r->leak->kcore, &r->map, &s, &r->rq->err))
		return -1;
	r->res->scans++;
	r->res->scanned += s.scanned;
	r->res->unreadable = s.unreadable;
	r->ram = host_ram();
	if (s.stopped)
		return err_state(&r->rq->err,
				 "cancelled after %" PRIu64 " bytes of "
				 "%" PRIu64,
				 s.scanned, r->map.size);
	note_found(r, s.nr);
	return 0;
}

/* Plant, scan, change, scan again. */
static int measure_once(struct measurement *r)
{
	struct leak_batch *b = &r->batch;

	if (new_mask(r) || request_ask_agent(r->rq, leak_plant, b, false) ||
	    scan_direct_map(r) || new_mask(r) ||
	    request_ask_agent(r->rq, leak_change, b, false))
		return -1;
	judge_control(r);
	for (unsigned int i = 0; i < b->nr; i++)
		if (!b->pages[i].settled)
			judge_page(r, &b->pages[i]);
	return 0;
}

static bool all_settled(const struct leak_batch *b)
{
	for (unsigned int i = 0; i < b->nr; i++)
		if (!b->pages[i].settled)
			return false;
	return b->nr;
}

/* Restore the guest's memory, whatever happened. */
static void restore_pages(struct measurement *r)
{
	struct err e = r->rq->err;

	if (request_ask_agent(r->rq, leak_restore, &r->batch, true) &&
	    !r->rq->m->ending)
		event_add(&r->rq->m->events, EVENT_GUEST,
			  "leak could not restore all memory: %s",
			  r->rq->err.msg);
	r->rq->err = e;
}

static int measure_pages(struct measurement *r)
{
	struct leak_batch *b = &r->batch;
	int result = 0;

	for (unsigned int i = 0; i < b->nr; i++) {
		struct leak_page *p = &b->pages[i];

		p->state = LEAK_UNKNOWN;
		p->offset = leak_place(&r->rq->m->pv, p->gpa);
		p->settled = p->offset == LEAK_NO_ROOM;
		if (p->settled)
			set_unknown(p,
				    "pv pages fill the whole page: no room to "
				    "plant words");
	}
	for (int i = 0; i < TRIES && !result; i++) {
		result = measure_once(r);
		if (all_settled(b) && r->res->control == LEAK_PRESENT)
			break;
	}
	for (unsigned int i = 0; i < b->nr && !result; i++)
		if (b->pages[i].found && b->pages[i].state == LEAK_PRESENT)
			result =
				b->pages[i].found(r->rq, &b->pages[i], &r->map);
	restore_pages(r);
	return result;
}

/* Without the map nothing is planted, and the answer is unknown. */
static int no_map(struct measurement *r)
{
	control_unknown(r, r->rq->err.msg);
	for (unsigned int i = 0; i < r->batch.nr; i++)
		set_unknown(&r->batch.pages[i], r->rq->err.msg);
	return 0;
}

static int with_turn(struct measurement *r)
{
	void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int result = -1;

	r->secrets = calloc(r->batch.nr + 1, sizeof(*r->secrets));
	if (page == MAP_FAILED || !r->secrets) {
		err_os(&r->rq->err, ENOMEM, "memory to look for %u pages",
		       r->batch.nr);
	} else if (kcore_map_read(r->leak->kcore, &r->map, &r->rq->err)) {
		result = no_map(r);
	} else {
		r->control.page = page;
		r->res->ram = r->map.size;
		result = measure_pages(r);
	}
	kcore_map_free(&r->map);
	free(r->secrets);
	if (page != MAP_FAILED)
		munmap(page, PAGE_SIZE);
	return result;
}

int leak_measure(struct request *rq, struct leak_page *pages, unsigned int nr,
		 struct leak_result *res)
{
	struct measurement r = {
		.rq = rq,
		.leak = rq->s->leak,
		.batch = { .rq = rq, .pages = pages, .nr = nr },
		.res = res
	};
	struct leak_turn turn;
	int result;

	memset(res, 0, sizeof(*res));
	res->control = LEAK_UNKNOWN;
	if (leak_check(r.leak, &rq->err) || take_turn(rq, &turn))
		return -1;
	result = with_turn(&r);
	end_turn(r.leak, &turn);
	return result;
}

int leak_locate(struct request *rq, uint64_t gpa, uint64_t *pfn)
{
	struct leak_page page = { .gpa = gpa & ~(PAGE_SIZE - 1) };
	struct leak_result res;

	if (leak_measure(rq, &page, 1, &res))
		return -1;
	*pfn = page.phys / PAGE_SIZE;
	if (page.state == LEAK_PRESENT)
		return 0;
	return err_state(
		&rq->err, "the pfn of gpa 0x%" PRIx64 " is %s: %s", page.gpa,
		page.state == LEAK_ABSENT ? "not in the direct map" : "unknown",
		page.why);
}
