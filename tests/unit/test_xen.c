// SPDX-License-Identifier: GPL-2.0-only
/* The judges of Xen's pages: each condition alone changes the verdict. */
#include <string.h>

#include "unit.h"
#include "base/num.h"
#include "devices/devices.h"
#include "devices/pv_runstate.h"
#include "devices/pv_shinfo.h"
#include "devices/pv_vcpuinfo.h"
#include "devices/pvclock.h"

static char why[160];

/* ---- clocks ------------------------------------------------------------- */

#define SET   1000
#define LIMIT 2000

static enum pv_verdict clock_at(uint64_t status, uint64_t system_time)
{
	const struct agent_op op = { .out = { status, 4, 77, system_time, 9 } };

	why[0] = '\0';
	return pvclock_judge(&op, SET, LIMIT, why);
}

static void clock_from_the_poke_on_is_fresh(void **state)
{
	(void)state;
	assert_int_equal(clock_at(ST_OK, SET), VERDICT_FRESH);
	assert_int_equal(clock_at(ST_OK, LIMIT), VERDICT_FRESH);
	assert_string_equal(why, "");
}

static void clock_from_before_the_poke_is_stale(void **state)
{
	(void)state;
	assert_int_equal(clock_at(ST_OK, SET - 1), VERDICT_STALE);
	assert_non_null(strstr(why, "older than the poke"));
}

static void clock_of_zeros_is_stale(void **state)
{
	const struct agent_op op = { .out = { ST_OK } };

	(void)state;
	assert_int_equal(pvclock_judge(&op, 0, LIMIT, why), VERDICT_STALE);
	assert_non_null(strstr(why, "zeros"));
}

static void clock_ahead_of_the_vm_is_torn(void **state)
{
	(void)state;
	assert_int_equal(clock_at(ST_OK, LIMIT + 1), VERDICT_TORN);
}

static void reading_that_failed_is_never_fresh(void **state)
{
	(void)state;
	assert_int_equal(clock_at(ST_FAULT, SET), VERDICT_ABSENT);
	assert_int_equal(clock_at(ST_TORN, SET), VERDICT_TORN);
	assert_int_equal(clock_at(ST_BAD_OP, SET), VERDICT_UNSUPPORTED);
}

/* ---- shared_info -------------------------------------------------------- */

struct shinfo {
	struct agent_op first, second;
};

/* Two events that arrived. */
static struct shinfo arrived(void)
{
	return (struct shinfo){
		.first = { .in = { 0, 64 }, .out = { ST_OK, 1 } },
		.second = { .in = { 0, 128 }, .out = { ST_OK, 1, 0, 2 } },
	};
}

static enum pv_verdict shinfo(const struct shinfo *s)
{
	why[0] = '\0';
	return shinfo_judge(&s->first, &s->second, why);
}

static void events_that_arrive_are_fresh(void **state)
{
	struct shinfo s = arrived();

	(void)state;
	assert_int_equal(shinfo(&s), VERDICT_FRESH);
	assert_string_equal(why, "");
	s.second.out[2] = 1; /* a masked event becomes pending as well */
	assert_int_equal(shinfo(&s), VERDICT_FRESH);
}

static void event_whose_bit_stays_clear_is_stale(void **state)
{
	struct shinfo s = arrived();

	(void)state;
	s.second.out[1] = 0;
	assert_int_equal(shinfo(&s), VERDICT_STALE);
	assert_non_null(strstr(why, "port 128 was sent"));
	s.second.out[1] = 2; /* another port's bit */
	assert_int_equal(shinfo(&s), VERDICT_STALE);
}

static void event_lost_before_the_guest_looked_is_stale(void **state)
{
	struct shinfo s = arrived();

	(void)state;
	s.first.out[1] = 2; /* the second port's, from long ago */
	assert_int_equal(shinfo(&s), VERDICT_STALE);
	assert_non_null(strstr(why, "port 64"));
}

static void wall_clock_of_an_odd_version_is_torn(void **state)
{
	struct shinfo s = arrived();

	(void)state;
	s.second.out[3] = 3;
	assert_int_equal(shinfo(&s), VERDICT_TORN);
}

static void shared_info_that_faults_is_absent(void **state)
{
	struct shinfo s = arrived();

	(void)state;
	s.second.out[0] = ST_FAULT;
	assert_int_equal(shinfo(&s), VERDICT_ABSENT);
	s = arrived();
	s.first.out[0] = ST_FAULT;
	assert_int_equal(shinfo(&s), VERDICT_ABSENT);
}

/* ---- ports -------------------------------------------------------------- */

static void ports_come_again_last_of_all_and_never_zero(void **state)
{
	static bool seen[XEN_NR_PORTS];
	struct pv_vm pv = { .events = 0 };

	(void)state;
	memset(seen, 0, sizeof(seen));
	for (int i = 1; i < XEN_NR_PORTS; i++) {
		uint32_t port = xen_event_port(&pv);

		assert_in_range(port, 1, XEN_NR_PORTS - 1);
		assert_false(seen[port]);
		seen[port] = true;
	}
	assert_true(seen[xen_event_port(&pv)]);
}

static void ports_close_by_are_in_different_words(void **state)
{
	struct pv_vm pv = { .events = 4000 }; /* also across the wrap */
	unsigned int last[63];

	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		unsigned int word = xen_event_word(xen_event_port(&pv));

		for (unsigned int k = 0; k < 62 && k < i; k++)
			assert_int_not_equal(last[(i - 1 - k) % 63], word);
		last[i % 63] = word;
	}
}

/* ---- vcpu_info ---------------------------------------------------------- */

struct vcpuinfo {
	struct vcpuinfo_event events[2];
};

static struct vcpuinfo_event event(uint32_t port)
{
	return (struct vcpuinfo_event){
		.op = { .out = { ST_OK, UINT64_C(1) << (port / 64), 1 } },
		.ev = { .port = port,
			.armed = true,
			.sent = true,
			.raised = true },
	};
}

static struct vcpuinfo delivered(void)
{
	return (struct vcpuinfo){ { event(3 * 64 + 5), event(4 * 64 + 5) } };
}

static enum pv_verdict vcpuinfo(const struct vcpuinfo *v, enum pv_verdict clock)
{
	why[0] = '\0';
	return vcpuinfo_judge(clock, v->events, why);
}

static void vcpu_info_with_clock_and_event_is_fresh(void **state)
{
	struct vcpuinfo v = delivered();

	(void)state;
	assert_int_equal(vcpuinfo(&v, VERDICT_FRESH), VERDICT_FRESH);
	assert_string_equal(why, "");
}

static void vcpu_info_without_a_fresh_clock_is_what_the_clock_is(void **state)
{
	struct vcpuinfo v = delivered();

	(void)state;
	assert_int_equal(vcpuinfo(&v, VERDICT_STALE), VERDICT_STALE);
	assert_int_equal(vcpuinfo(&v, VERDICT_TORN), VERDICT_TORN);
	assert_int_equal(vcpuinfo(&v, VERDICT_ABSENT), VERDICT_ABSENT);
}

static void event_that_never_came_is_stale(void **state)
{
	struct vcpuinfo v = delivered();

	(void)state;
	v.events[0].op.out[1] = ~UINT64_C(0) & ~(UINT64_C(1) << 3);
	assert_int_equal(vcpuinfo(&v, VERDICT_FRESH), VERDICT_STALE);
	assert_non_null(strstr(why, "port 197"));
	assert_non_null(strstr(why, "bit 3"));
}

/* The first event's bit may be older. */
static void second_event_that_never_came_is_stale(void **state)
{
	struct vcpuinfo v = delivered();

	(void)state;
	v.events[1].op.out[1] = v.events[1].op.out[2] = 0;
	assert_int_equal(vcpuinfo(&v, VERDICT_FRESH), VERDICT_STALE);
	assert_non_null(strstr(why, "port 261"));
}

static void event_without_upcall_is_torn(void **state)
{
	struct vcpuinfo v;

	(void)state;
	for (int i = 0; i < 2; i++) {
		v = delivered();
		v.events[i].op.out[2] = 0x100; /* the mask byte is no upcall */
		assert_int_equal(vcpuinfo(&v, VERDICT_FRESH), VERDICT_TORN);
	}
}

static void event_that_shared_info_does_not_show_proves_nothing(void **state)
{
	struct vcpuinfo v;

	(void)state;
	for (int i = 0; i < 2; i++) {
		v = delivered();
		v.events[i].op.out[1] = v.events[i].op.out[2] = 0;
		v.events[i].ev.raised = false;
		assert_int_equal(vcpuinfo(&v, VERDICT_FRESH), VERDICT_FRESH);
		v.events[i].ev.raised = v.events[i].ev.masked = true;
		assert_int_equal(vcpuinfo(&v, VERDICT_FRESH), VERDICT_FRESH);
	}
}

static void vcpu_info_that_faults_is_absent(void **state)
{
	struct vcpuinfo v;

	(void)state;
	for (int i = 0; i < 2; i++) {
		v = delivered();
		v.events[i].op.out[0] = ST_FAULT;
		assert_int_equal(vcpuinfo(&v, VERDICT_FRESH), VERDICT_ABSENT);
	}
}

/* ---- runstate ----------------------------------------------------------- */

/* state, entry time, then running, runnable, blocked, offline */
static enum pv_verdict runstate(uint64_t state, uint64_t entry, uint64_t t0,
				uint64_t t1, uint64_t t2, uint64_t t3)
{
	const struct agent_op op = { .out = { ST_OK, state, entry, t0, t1, t2,
					      t3 } };

	why[0] = '\0';
	return runstate_judge(&op, SET, LIMIT, why);
}

static void runstate_from_the_poke_on_is_fresh(void **state)
{
	(void)state;
	assert_int_equal(runstate(0, SET, 600, 100, 200, 100), VERDICT_FRESH);
	assert_int_equal(runstate(0, LIMIT, 500, 500, 500, 500), VERDICT_FRESH);
	assert_string_equal(why, "");
	/* The kernel's sum is 64 bits wide, too. */
	assert_int_equal(runstate(0, SET, ~UINT64_C(0), SET + 1, 0, 0),
			 VERDICT_FRESH);
}

static void runstate_from_before_the_poke_is_stale(void **state)
{
	(void)state;
	assert_int_equal(runstate(0, SET - 1, SET - 1, 0, 0, 0), VERDICT_STALE);
}

static void runstate_of_zeros_is_stale(void **state)
{
	(void)state;
	assert_int_equal(runstate(0, 0, 0, 0, 0, 0), VERDICT_STALE);
	assert_non_null(strstr(why, "zeros"));
}

static void runstate_whose_times_do_not_add_up_is_torn(void **state)
{
	(void)state;
	assert_int_equal(runstate(0, SET, SET - 1, 0, 0, 0), VERDICT_TORN);
	assert_int_equal(runstate(0, SET, SET, 1, 0, 0), VERDICT_TORN);
	assert_int_equal(runstate(0, SET, SET, 0, 1, 0), VERDICT_TORN);
	assert_int_equal(runstate(0, SET, SET, 0, 0, 1), VERDICT_TORN);
	/* Across two pages: the second one was never written ... */
	assert_int_equal(runstate(0, SET, 0, 0, 0, 0), VERDICT_TORN);
	/* ... or is the only one that was written. */
	assert_int_equal(runstate(0, 0, SET, 0, 0, 0), VERDICT_TORN);
}

static void runstate_ahead_of_the_vm_is_torn(void **state)
{
	(void)state;
	assert_int_equal(runstate(0, LIMIT + 1, LIMIT + 1, 0, 0, 0),
			 VERDICT_TORN);
}

static void vcpu_that_reads_but_does_not_run_is_stale(void **state)
{
	(void)state;
	for (uint64_t s = 1; s <= 3; s++)
		assert_int_equal(runstate(s, SET, SET, 0, 0, 0), VERDICT_STALE);
}

static void runstate_that_could_not_be_read_is_never_fresh(void **state)
{
	struct agent_op op = { .out = { ST_TORN, 0, SET, SET } };

	(void)state;
	assert_int_equal(runstate_judge(&op, SET, LIMIT, why), VERDICT_TORN);
	op.out[0] = ST_FAULT;
	assert_int_equal(runstate_judge(&op, SET, LIMIT, why), VERDICT_ABSENT);
	op.out[0] = ST_BAD_OP;
	assert_int_equal(runstate_judge(&op, SET, LIMIT, why),
			 VERDICT_UNSUPPORTED);
}

/* ---- writes found elsewhere ---------------------------------------------- */

static bool wrote(const struct pv_kind *kind, const uint64_t *words)
{
	const struct pv_page p = { .kind = kind,
				   .found = { .set = SET, .limit = LIMIT } };

	return kind->wrote(&p, (const uint8_t *)words);
}

static void runstate_elsewhere_is_known_by_its_time_and_sum(void **state)
{
	const uint64_t good[] = { 0, SET, SET - 300, 100, 100, 100 };
	const uint64_t old[] = { 0, SET - 1, SET - 1, 0, 0, 0 };
	const uint64_t ahead[] = { 0, LIMIT + 1, LIMIT + 1, 0, 0, 0 };
	const uint64_t half[] = { 0, SET, 1, 0, 0, 0 };

	(void)state;
	assert_true(wrote(&pv_runstate_kind, good));
	assert_false(wrote(&pv_runstate_kind, old));
	assert_false(wrote(&pv_runstate_kind, ahead));
	assert_false(wrote(&pv_runstate_kind, half));
}

static void vcpu_info_elsewhere_is_known_by_its_clock(void **state)
{
	/* The clock is the second half: version, tsc, time, scale. */
	uint64_t words[] = { 1, ~UINT64_C(0), 0, 0, 4, 77, SET, 9 };

	(void)state;
	assert_true(wrote(&pv_vcpuinfo_kind, words));
	words[6] = SET - 1;
	assert_false(wrote(&pv_vcpuinfo_kind, words));
	words[2] = SET; /* where a lone clock would have it */
	assert_false(wrote(&pv_vcpuinfo_kind, words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_from_the_poke_on_is_fresh),
		cmocka_unit_test(clock_from_before_the_poke_is_stale),
		cmocka_unit_test(clock_of_zeros_is_stale),
		cmocka_unit_test(clock_ahead_of_the_vm_is_torn),
		cmocka_unit_test(reading_that_failed_is_never_fresh),
		cmocka_unit_test(events_that_arrive_are_fresh),
		cmocka_unit_test(event_whose_bit_stays_clear_is_stale),
		cmocka_unit_test(event_lost_before_the_guest_looked_is_stale),
		cmocka_unit_test(wall_clock_of_an_odd_version_is_torn),
		cmocka_unit_test(shared_info_that_faults_is_absent),
		cmocka_unit_test(ports_come_again_last_of_all_and_never_zero),
		cmocka_unit_test(ports_close_by_are_in_different_words),
		cmocka_unit_test(vcpu_info_with_clock_and_event_is_fresh),
		cmocka_unit_test(
			vcpu_info_without_a_fresh_clock_is_what_the_clock_is),
		cmocka_unit_test(event_that_never_came_is_stale),
		cmocka_unit_test(second_event_that_never_came_is_stale),
		cmocka_unit_test(event_without_upcall_is_torn),
		cmocka_unit_test(
			event_that_shared_info_does_not_show_proves_nothing),
		cmocka_unit_test(vcpu_info_that_faults_is_absent),
		cmocka_unit_test(runstate_from_the_poke_on_is_fresh),
		cmocka_unit_test(runstate_from_before_the_poke_is_stale),
		cmocka_unit_test(runstate_of_zeros_is_stale),
		cmocka_unit_test(runstate_whose_times_do_not_add_up_is_torn),
		cmocka_unit_test(runstate_ahead_of_the_vm_is_torn),
		cmocka_unit_test(vcpu_that_reads_but_does_not_run_is_stale),
		cmocka_unit_test(
			runstate_that_could_not_be_read_is_never_fresh),
		cmocka_unit_test(
			runstate_elsewhere_is_known_by_its_time_and_sum),
		cmocka_unit_test(vcpu_info_elsewhere_is_known_by_its_clock),
	};

	return cmocka_run_group_tests_name("xen", tests, NULL, NULL);
}
