// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "unit.h"
#include "base/event.h"

static struct events *make(void)
{
	static struct events ev;
	struct err e;

	assert_int_equal(events_init(&ev, &e), 0);
	return &ev;
}

static void events_are_found_by_what_came_before(void **state)
{
	struct events *ev = make();
	struct event e;

	(void)state;
	assert_false(event_next(ev, 0, &e));
	event_add(ev, EVENT_MACHINE, "first");
	event_add(ev, EVENT_GUEST, "second");
	event_add_request(ev, "third", 5, "range");
	assert_true(event_next(ev, 0, &e));
	assert_string_equal(e.text, "first");
	assert_true(event_next(ev, e.seq, &e));
	assert_string_equal(e.text, "second");
	assert_true(event_next(ev, e.seq, &e));
	assert_string_equal(e.text, "third (range)");
	assert_int_equal(e.seq, events_last(ev));
	assert_false(event_next(ev, e.seq, &e));
	events_free(ev);
}

static void a_guest_pushes_out_no_other_events(void **state)
{
	struct events *ev = make();
	struct event e;
	unsigned int n = 0;

	(void)state;
	event_add(ev, EVENT_KERNEL, "what matters");
	ev->limits.burst = 100000; /* as if it took its time */
	for (int i = 0; i < 5000; i++)
		event_add(ev, i % 2 ? EVENT_GUEST : EVENT_EXIT, "%d", i);
	event_add(ev, EVENT_MACHINE, "the end");
	assert_true(event_next(ev, 0, &e));
	assert_string_equal(e.text, "what matters");
	assert_true(event_next(ev, e.seq, &e)); /* a gap */
	assert_int_equal(e.seq, 5002 - EVENTS_GUEST);
	for (uint64_t seq = 0; event_next(ev, seq, &e); seq = e.seq)
		n++;
	assert_string_equal(e.text, "the end");
	assert_int_equal(n, EVENTS_GUEST + 2);
	events_free(ev);
}

static void the_last_n_are_of_both_kinds(void **state)
{
	struct events *ev = make();

	(void)state;
	assert_int_equal(events_before(ev, 10), 0);
	for (int i = 0; i < 6; i++)
		event_add(ev, i % 2 ? EVENT_GUEST : EVENT_MACHINE, "%d", i);
	assert_int_equal(events_before(ev, 1), 5);
	assert_int_equal(events_before(ev, 4), 2);
	assert_int_equal(events_before(ev, 6), 0);
	assert_int_equal(events_before(ev, 7), 0);
	events_free(ev);
}

static void a_flood_is_left_out_and_the_next_event_says_so(void **state)
{
	struct events *ev = make();
	uint64_t left_out;
	struct event e;

	(void)state;
	for (int i = 0; i < EVENTS_BURST + 1000; i++)
		event_add(ev, EVENT_GUEST, "again");
	left_out = events_left_out(ev);
	assert_in_range(left_out, 1, 999);
	assert_int_equal(events_last(ev) + left_out, EVENTS_BURST + 1000);
	assert_true(event_next(ev, events_before(ev, 1), &e));
	assert_non_null(strstr(e.text, "suppressed before"));
	/* Others are not its victims. */
	event_add(ev, EVENT_GUEST, "another");
	event_add(ev, EVENT_KERNEL, "again");
	assert_int_equal(events_last(ev) + left_out, EVENTS_BURST + 1002);
	events_free(ev);
}

static void text_that_is_too_long_is_cut(void **state)
{
	struct events *ev = make();
	char line[500];
	struct event e;

	(void)state;
	memset(line, 'x', sizeof(line));
	event_add(ev, EVENT_GUEST, "%.*s", 500, line);
	event_add_request(ev, line, sizeof(line), "state");
	assert_true(event_next(ev, 0, &e));
	assert_int_equal(strlen(e.text), EVENT_TEXT - 1);
	assert_true(event_next(ev, e.seq, &e));
	assert_int_equal(strlen(e.text), EVENT_TEXT - 1);
	assert_string_equal(e.text + EVENT_TEXT - 1 - 7, "(state)");
	events_free(ev);
}

static void types_are_found_by_their_names(void **state)
{
	(void)state;
	assert_int_equal(event_type_find("machine", 7), EVENT_MACHINE);
	assert_int_equal(event_type_find("model and more", 5), EVENT_MODEL);
	assert_int_equal(event_type_find("mode", 4), -1);
	assert_int_equal(event_type_find("", 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_found_by_what_came_before),
		cmocka_unit_test(a_guest_pushes_out_no_other_events),
		cmocka_unit_test(the_last_n_are_of_both_kinds),
		cmocka_unit_test(
			a_flood_is_left_out_and_the_next_event_says_so),
		cmocka_unit_test(text_that_is_too_long_is_cut),
		cmocka_unit_test(types_are_found_by_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
