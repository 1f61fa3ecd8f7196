// SPDX-License-Identifier: GPL-2.0-only
/* Tracepoints: their format, perf's ring, and what is made of both. */
#include <linux/perf_event.h>
#include <string.h>

#include "unit.h"
#include "base/num.h"
#include "devices/pvclock.h"
#include "host/trace.h"

/* As 6.12 prints it. */
static const char format[] =
	"name: kvm_pvclock_update\nID: 78\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
	"\tfield:unsigned int vcpu_id;\toffset:8;\tsize:4;\tsigned:0;\n"
	"\tfield:__u32 version;\toffset:12;\tsize:4;\tsigned:0;\n"
	"\tfield:__u64 system_time;\toffset:24;\tsize:8;\tsigned:0;\n\n"
	"print fmt: \"version %u\", REC->version\n";

static void fields_are_found_by_their_whole_name(void **state)
{
	struct tracefs_field f;

	(void)state;
	assert_true(tracefs_find_field(format, "system_time", &f));
	assert_int_equal(f.offset, 24);
	assert_int_equal(f.size, 8);
	assert_true(tracefs_find_field(format, "version", &f));
	assert_int_equal(f.offset, 12);
	assert_false(tracefs_find_field(format, "time", &f));
	assert_false(tracefs_find_field(format, "REC->version", &f));
	assert_false(tracefs_find_field("field:u32 a", "a", &f));
	assert_false(tracefs_find_field("field:u32 a;\toffset:x;", "a", &f));
	assert_false(tracefs_find_field("", "a", &f));
}

static void value_outside_of_the_data_is_not_read(void **state)
{
	const struct tracefs_field good[TRACE_VALUES] = {
		{ 0, 4 }, { 4, 8 }, { 12, 1 }, { 13, 0 }
	};
	struct tracefs_field bad[TRACE_VALUES];
	const uint8_t raw[13] = { 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 3 };
	struct trace_record r;

	(void)state;
	assert_true(trace_parse(good, raw, sizeof(raw), &r));
	assert_int_equal(r.value[0], 1);
	assert_int_equal(r.value[1], UINT64_C(0x0100000000000002));
	assert_int_equal(r.value[2], 3);
	assert_false(trace_parse(good, raw, sizeof(raw) - 1, &r));
	memcpy(bad, good, sizeof(bad));
	bad[1].size = 9;
	assert_false(trace_parse(bad, raw, sizeof(raw), &r));
	bad[1] = (struct tracefs_field){ UINT32_MAX, 4 };
	assert_false(trace_parse(bad, raw, sizeof(raw), &r));
}

/* ---- a ring ------------------------------------------------------------- */

static uint8_t map[PAGE_SIZE + TRACE_DATA] __attribute__((aligned(4096)));
static struct trace_record kept[TRACE_KEPT];
static struct trace_ring ring;
static struct trace t;

static struct perf_event_mmap_page *page(void)
{
	return (struct perf_event_mmap_page *)map;
}

static int set_up(void **state)
{
	(void)state;
	memset(map, 0, sizeof(map));
	memset(&t, 0, sizeof(t));
	ring = (struct trace_ring){ .point = TRACE_PVCLOCK, .map = map };
	t.rings = &ring;
	t.nr_rings = 1;
	t.kept = kept;
	t.there[TRACE_PVCLOCK] = true;
	for (uint32_t i = 0; i < TRACE_VALUES; i++)
		t.fields[TRACE_PVCLOCK][i] = (struct tracefs_field){ i * 8, 8 };
	pthread_mutex_init(&t.lock, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pthread_mutex_destroy(&t.lock);
	return 0;
}

/* As the kernel does, whose records may lie around the end. */
static void put(const void *data, size_t len)
{
	const size_t at = page()->data_head % TRACE_DATA;
	const size_t first = len < TRACE_DATA - at ? len : TRACE_DATA - at;

	memcpy(map + PAGE_SIZE + at, data, first);
	memcpy(map + PAGE_SIZE, (const uint8_t *)data + first, len - first);
	page()->data_head += len;
}

static void put_sample(uint64_t vcpu, uint64_t version, uint64_t time)
{
	struct {
		struct perf_event_header h;
		uint32_t size;
		uint8_t raw[36]; /* 4 more than the values: it is padded */
	} s = { .h = { PERF_RECORD_SAMPLE, 0, sizeof(s) }, .size = 36 };
	const uint64_t values[] = { vcpu, version, 7, time };

	memcpy(s.raw, values, sizeof(values));
	put(&s, sizeof(s));
}

static void put_lost(void)
{
	struct {
		struct perf_event_header h;
		uint64_t id, lost;
	} l = { .h = { PERF_RECORD_LOST, 0, sizeof(l) }, .lost = 3 };

	put(&l, sizeof(l));
}

static int since(const struct trace_mark *m, uint64_t vcpu,
		 struct trace_record out[4])
{
	return trace_since(&t, m, TRACE_PVCLOCK, vcpu, out, 4);
}

static void only_what_came_since_and_of_that_vcpu_is_handed_out(void **state)
{
	struct trace_record out[4];
	struct trace_mark m;

	(void)state;
	put_sample(0, 2, 100);
	trace_mark(&t, &m);
	assert_int_equal(since(&m, 0, out), 0);
	put_sample(1, 4, 200);
	put_sample(0, 6, 300);
	put_sample(0, 8, 400);
	assert_int_equal(since(&m, 0, out), 2);
	assert_int_equal(out[0].value[PVCLOCK_VERSION], 6);
	assert_int_equal(out[1].value[PVCLOCK_TIME], 400);
	/* Another vCPU's reading takes nothing away. */
	assert_int_equal(since(&m, 1, out), 1);
	assert_int_equal(out[0].value[PVCLOCK_TIME], 200);
	assert_int_equal(page()->data_tail, page()->data_head);
}

static void records_around_the_end_of_the_ring_are_whole(void **state)
{
	struct trace_record out[4];
	struct trace_mark m;

	(void)state;
	for (uint64_t i = 0; i < 3 * TRACE_DATA / 48; i++) {
		trace_mark(&t, &m);
		put_sample(i, i * 2, i * 3);
		assert_int_equal(since(&m, i, out), 1);
		assert_int_equal(out[0].value[PVCLOCK_VERSION], i * 2);
		assert_int_equal(out[0].value[PVCLOCK_TIME], i * 3);
	}
}

static void nothing_is_claimed_where_records_were_lost(void **state)
{
	struct trace_record out[4];
	struct trace_mark m;

	(void)state;
	trace_mark(&t, &m);
	put_sample(0, 2, 100);
	put_lost();
	assert_int_equal(since(&m, 0, out), -1);
	trace_mark(&t, &m);
	put_sample(0, 2, 100);
	assert_int_equal(since(&m, 0, out), 1);
	/* More than is kept, and more than is asked for. */
	for (int i = 0; i < 5; i++)
		put_sample(0, 2, 100);
	assert_int_equal(since(&m, 0, out), -1);
	for (int i = 0; i < TRACE_KEPT; i++) {
		put_sample(1, 2, 100);
		trace_mark(&t, &(struct trace_mark){ 0 });
	}
	assert_int_equal(since(&m, 2, out), -1);
	trace_mark(&t, &m);
	assert_int_equal(since(&m, 2, out), 0);
	t.partial = true;
	assert_int_equal(since(&m, 2, out), -1);
	t.there[TRACE_PVCLOCK] = false;
	trace_mark(&t, &m);
	assert_int_equal(since(&m, 2, out), -1);
}

static void ring_that_makes_no_sense_ends_there(void **state)
{
	const struct perf_event_header bad[] = { { PERF_RECORD_SAMPLE, 0, 0 },
						 { PERF_RECORD_SAMPLE, 0, 4 },
						 { PERF_RECORD_SAMPLE, 0,
						   4096 },
						 { PERF_RECORD_SAMPLE, 0, 8 } };
	struct trace_record out[4];
	struct trace_mark m;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		trace_mark(&t, &m);
		put(&bad[i], sizeof(bad[i]));
		assert_int_equal(since(&m, 0, out), 0);
		put_sample(0, 2, 100);
		assert_int_equal(since(&m, 0, out), 1);
	}
}

/* ---- the kernel as a witness -------------------------------------------- */

static struct pv_found witness(bool fresh, const struct trace_record *r, int nr)
{
	const struct agent_op op = { .out = { ST_OK, 6, 0, 300 } };
	struct pv_found found = { .set = 1 };
	struct json j;

	json_init(&j);
	pvclock_witness(&found, &op, fresh, r, nr, &j);
	json_free(&j);
	return found;
}

static void kernel_that_wrote_what_the_guest_saw_agrees(void **state)
{
	const struct trace_record r[] = { { .value = { 0, 6, 0, 300 } },
					  { .value = { 0, 8, 0, 400 } } };
	struct pv_found f = witness(true, r, 2);

	(void)state;
	assert_false(f.differs);
	assert_non_null(strstr(f.kernel, "version 6, system_time 300"));
	/* Where it is not fresh the kernel's word is told, and that is all. */
	f = witness(false, r + 1, 1);
	assert_false(f.differs);
	assert_non_null(strstr(f.kernel, "version 8, system_time 400"));
}

static void fresh_that_the_kernel_knows_nothing_of_differs(void **state)
{
	const struct trace_record r[] = { { .value = { 0, 6, 0, 301 } },
					  { .value = { 0, 8, 0, 300 } } };

	(void)state;
	assert_true(witness(true, r, 1).differs);
	assert_true(witness(true, r, 2).differs);
	assert_true(witness(true, r, 0).differs);
	assert_non_null(strstr(witness(true, r, 0).kernel, "was not hit"));
}

static void kernel_that_cannot_be_asked_says_nothing(void **state)
{
	(void)state;
	assert_false(witness(true, NULL, -1).differs);
	assert_string_equal(witness(true, NULL, -1).kernel, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(fields_are_found_by_their_whole_name),
		T(value_outside_of_the_data_is_not_read),
		T(only_what_came_since_and_of_that_vcpu_is_handed_out),
		T(records_around_the_end_of_the_ring_are_whole),
		T(nothing_is_claimed_where_records_were_lost),
		T(ring_that_makes_no_sense_ends_there),
		T(kernel_that_wrote_what_the_guest_saw_agrees),
		T(fresh_that_the_kernel_knows_nothing_of_differs),
		T(kernel_that_cannot_be_asked_says_nothing),
#undef T
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
