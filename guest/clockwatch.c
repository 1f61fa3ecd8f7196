// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches this vCPU's clock and steal time and reports faults: time that goes
 * backwards, a page that stays odd or silent. A fault is reported when it
 * begins and, if it lasts, when it ends. Serves the host's operations in
 * between; one that writes a page's MSR moves the watch, too.
 */
#include "clockwatch.h"

#define POLL_EVERY   32
#define SILENT_POLLS 64 /* each is a KVM_RUN, which updates steal time */
#define TIME_POLLS   64 /* between two readings of KVM's own clock */
/* No clock may be off by this much, however long ago KVM wrote it (it does so
 * at least every 300 s: arch/x86/kvm/x86.c, KVMCLOCK_SYNC_PERIOD). */
#define FAR_NS	     1000000000ULL

void clockwatch_report(uint64_t what, uint64_t a, uint64_t b)
{
	uint64_t w[DB_WORDS] = { what, a, b };

	db_call(DB_REPORT, w);
}

/* @fault: REPORT_* or 0; @back: the report for its end. */
static void set_fault(struct watch *w, uint64_t fault, uint64_t back,
		      uint64_t version)
{
	if (fault == w->fault)
		return;
	w->fault = fault;
	clockwatch_report(fault ? fault : back, version, 0);
}

static void set_now(struct watch *w, uint64_t now, uint64_t backwards)
{
	bool back = now < w->last;

	if (back && !w->went_back)
		clockwatch_report(backwards, w->last, now);
	w->went_back = back;
	w->last = now;
}

/* Report a change of the fault against KVM_GET_CLOCK; 0: no fault. */
static void set_off(struct clockwatch *c, uint64_t what, uint64_t a, uint64_t b)
{
	if (what == c->off)
		return;
	c->off = what;
	clockwatch_report(what ? what : REPORT_CLOCK_BACK, a, b);
}

/* KVM's time was read after the last reading and before the next one, so it
 * must lie between the two. */
static void compare_last(struct percpu *pc, struct clockwatch *c)
{
	uint64_t w[DB_WORDS] = { 0 };

	c->polls = 0;
	c->host = 0;
	if (!(pc->clock & 1) || c->clock.fault)
		return;
	db_call(DB_TIME, w);
	if (w[0] && c->clock.last > w[0] + FAR_NS)
		set_off(c, REPORT_CLOCK_AHEAD, c->clock.last, w[0]);
	else
		c->host = w[0];
}

static void compare_next(struct clockwatch *c, uint64_t now, uint32_t version)
{
	if (!c->host)
		return;
	if (now + FAR_NS < c->host)
		set_off(c, REPORT_CLOCK_BEHIND, now, c->host);
	else
		set_off(c, 0, version, 0);
	c->host = 0;
}

/* Returns false if it took very long: the host may be waiting. */
static bool watch_clock(struct percpu *pc, struct clockwatch *cw)
{
	struct watch *w = &cw->clock;
	struct clock_copy c;
	uint64_t fault = 0;

	if (!pv_read_clock(pc->clock & ~1ULL, &c)) {
		/* An even version that keeps changing is not a fault. */
		if (!(c.t.version & 1))
			return false;
		fault = REPORT_CLOCK_ODD;
	} else if (!(c.t.version | c.t.tsc_timestamp | c.t.system_time |
		     c.t.tsc_to_system_mul)) {
		fault = REPORT_CLOCK_SILENT;
	}
	set_fault(w, fault, REPORT_CLOCK_BACK, c.t.version);
	if (!fault) {
		set_now(w, pv_clock_ns(&c), REPORT_CLOCK_BACKWARDS);
		compare_next(cw, w->last, c.t.version);
	}
	return fault != REPORT_CLOCK_ODD;
}

static bool watch_steal(struct percpu *pc, struct steal_watch *s)
{
	struct steal_copy c;
	uint64_t fault = 0;

	if (!pv_read_steal(pc->steal & ~63ULL, &c)) {
		if (!(c.version & 1))
			return false;
		fault = REPORT_STEAL_ODD;
	} else if (c.version != s->version) {
		s->version = c.version;
		s->polls = 0;
	} else if (s->polls >= SILENT_POLLS) {
		fault = REPORT_STEAL_SILENT;
	}
	set_fault(&s->w, fault, REPORT_STEAL_BACK, c.version);
	if (!fault)
		set_now(&s->w, c.steal, REPORT_STEAL_BACKWARDS);
	return fault != REPORT_STEAL_ODD;
}

static uint64_t try_pages(struct percpu *pc, uint64_t *w UNUSED)
{
	uint64_t clock = pc->clock & ~1ULL, steal = pc->steal & ~63ULL;

	if (pc->clock & 1) {
		if (!map_range(pc->m, clock, 32))
			return ST_BAD_OP;
		(void)*(volatile char *)clock;
	}
	if (pc->steal & 1) {
		if (!map_range(pc->m, steal, 64))
			return ST_BAD_OP;
		(void)*(volatile char *)steal;
	}
	return ST_OK;
}

/* Follow the MSRs, which may hold anything: an unreadable page is not
 * watched. */
static void follow_msrs(struct percpu *pc, uint64_t old_clock,
			uint64_t old_steal)
{
	uint64_t status = pc->w[0];

	if (guarded(pc, pc->w, try_pages) != ST_OK) {
		if (pc->clock != old_clock)
			pc->clock = 0;
		if (pc->steal != old_steal)
			pc->steal = 0;
	}
	pc->w[0] = status;
}

/* Serve the host's operations until it has none; returns their number. */
static uint32_t serve_host(struct percpu *pc, struct steal_watch *s)
{
	uint32_t op, served = 0;

	for (; (op = agent_ask(pc, DB_POLL)) != OP_NONE; served++) {
		uint64_t clock = pc->clock, steal = pc->steal;

		agent_serve(pc, op);
		if (clock != pc->clock || steal != pc->steal)
			follow_msrs(pc, clock, steal);
		if (steal != pc->steal)
			s->polls = 0;
	}
	pc->w[0] = ST_OK;
	s->polls++;
	return served;
}

void clockwatch_start(struct percpu *pc, struct clockwatch *c)
{
	*c = (struct clockwatch){ .steal = { .polls = 0 } };
	follow_msrs(pc, 0, 0);
}

uint32_t clockwatch_round(struct percpu *pc, struct clockwatch *c,
			  uint32_t readings)
{
	bool quick = true;

	for (uint32_t i = 0; i < readings && quick; i++) {
		if (pc->clock & 1)
			quick = watch_clock(pc, c);
		if (pc->steal & 1)
			quick &= watch_steal(pc, &c->steal);
	}
	if (++c->polls >= TIME_POLLS)
		compare_last(pc, c);
	return serve_host(pc, &c->steal);
}

void clockwatch_run(struct percpu *pc)
{
	struct clockwatch c;

	clockwatch_start(pc, &c);
	for (;;)
		clockwatch_round(pc, &c, POLL_EVERY);
}
