// SPDX-License-Identifier: GPL-2.0-only
/* Each way in which a scenario fails. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "play/scenario_judge.h"

static const char good[] = "{\"ok\":true,\"verdict\":\"fresh\",\"n\":3}";
static const char bad[] = "{\"ok\":false,\"error\":{\"kind\":\"kvm\","
			  "\"errno\":\"EFAULT\",\"message\":\"no page\"}}";
static const char split[] =
	"{\"ok\":true,\"pages\":[{\"name\":\"a\"},{\"disagreement\":"
	"\"model: stale; guest: fresh\"}]}";

static char why[JUDGE_WHY];

static struct reply_text text(const char *s)
{
	return (struct reply_text){ s, s ? strlen(s) : 0 };
}

static bool reply(const char *s, bool may)
{
	struct reply_text r = text(s);

	why[0] = 0;
	return judge_reply(&r, may, why);
}

static void failure_that_nobody_expects_is_seen(void **state)
{
	(void)state;
	assert_true(reply(good, false));
	assert_false(reply(bad, false));
	assert_non_null(strstr(why, "kvm: no page"));
	assert_true(reply(bad, true));
	assert_false(reply("no json", false));
	assert_false(reply("{}", false));
	assert_false(reply("{\"ok\":true,\"pages\":[{", false));
	assert_null(strstr(why, "?:"));
	assert_non_null(strstr(why, "21 bytes"));
	assert_false(reply("{\"ok\":true", false));
	assert_false(reply("{\"ok\":\"true\"}", false));
	assert_false(reply("{\"ok\":true}x", false));
}

static bool error(const char *s, const char *want)
{
	struct reply_text r = text(s);

	why[0] = 0;
	return judge_error(&r, want, why);
}

static void expected_error_is_that_one(void **state)
{
	(void)state;
	assert_true(error(bad, "kvm"));
	assert_true(error(bad, "EFAULT"));
	assert_false(error(bad, "os"));
	assert_non_null(strstr(why, "expected error os, got kvm"));
	assert_false(error(bad, "EINVAL"));
	assert_false(error(good, "kvm"));
	assert_non_null(strstr(why, "succeeded"));
}

static bool agreement(const char *s, bool may)
{
	struct reply_text r = text(s);

	why[0] = 0;
	return judge_agreement(&r, may, why);
}

static bool disagreement(const char *s, const char *want)
{
	struct reply_text r = text(s);

	why[0] = 0;
	return judge_disagreement(&r, want, why);
}

static void disagreement_at_any_depth_is_seen(void **state)
{
	(void)state;
	assert_true(agreement(good, false));
	assert_false(agreement(split, false));
	assert_non_null(strstr(why, "model: stale; guest: fresh"));
	assert_true(agreement(split, true));
	assert_true(agreement("{\"disagreement\":null}", false));
}

static void expected_disagreement_has_to_be_there(void **state)
{
	(void)state;
	assert_true(disagreement(split, NULL));
	assert_true(disagreement(split, "guest: fresh"));
	assert_false(disagreement(split, "kernel"));
	assert_false(disagreement(good, NULL));
	assert_non_null(strstr(why, "expected a disagreement, got none"));
}

static bool expect(const char *s, const char *path, enum field_op op,
		   const char *want)
{
	struct reply_text r = text(s);

	why[0] = 0;
	return judge_expect(&r, path, op, want, why);
}

static void field_that_is_otherwise_is_seen(void **state)
{
	(void)state;
	assert_true(expect(good, "verdict", FIELD_EQ, "fresh"));
	assert_false(expect(good, "verdict", FIELD_EQ, "stale"));
	assert_string_equal(why, "verdict: expected stale, got fresh");
	assert_false(expect(good, "verdicts", FIELD_EQ, "fresh"));
	assert_non_null(strstr(why, "no field verdicts"));
	assert_false(expect(good, "verdict", FIELD_LT, "7"));
	assert_non_null(strstr(why, "not both are numbers"));
	assert_false(expect(NULL, "verdict", FIELD_EQ, "fresh"));
	assert_non_null(strstr(why, "no reply yet"));
}

static void exit_status_has_to_be_that_one(void **state)
{
	(void)state;
	assert_true(judge_exit(0, 0, why));
	assert_true(judge_exit(3, 3, why));
	assert_false(judge_exit(3, 0, why));
	assert_non_null(strstr(why, "status 3, expected 0"));
	assert_false(judge_exit(137, 0, why));
	assert_non_null(strstr(why, "a signal"));
	assert_false(judge_exit(0, 3, why));
}

static void taint_that_is_new_is_seen(void **state)
{
	(void)state;
	assert_true(judge_taint(0, 0, why));
	assert_true(judge_taint(512, 512, why));
	assert_true(judge_taint(513, 512, why));
	assert_false(judge_taint(0, 512, why));
	assert_non_null(strstr(why, "tainted: W "));
	assert_false(judge_taint(512, 512 | 128, why));
	assert_non_null(strstr(why, "tainted: D "));
}

static void page_that_is_not_given_back_is_seen(void **state)
{
	(void)state;
	assert_true(judge_teardown(&(struct teardown_found){ 0 }, why));
	assert_false(judge_teardown(
		&(struct teardown_found){ .unevictable = 1 }, why));
	assert_non_null(strstr(
		why,
		"1 more pages than before the first machine are unevictable"));
	assert_false(
		judge_teardown(&(struct teardown_found){ .unmapped = 2 }, why));
	assert_non_null(strstr(
		why,
		"2 more pages than before the first machine are anonymous"));
	assert_false(
		judge_teardown(&(struct teardown_found){ .lost = 3 }, why));
	assert_non_null(strstr(
		why,
		"3 more pages than before the first machine are neither free"));
	assert_true(judge_vm_gone(false, 7, why));
	assert_false(judge_vm_gone(true, 7, why));
	assert_non_null(strstr(why, "process 7"));
}

/* A message of the kernel, as a record of /dev/kmsg. */
static void report(struct watch *w, const char *message)
{
	char record[100];
	int fds[2],
		n = snprintf(record, sizeof(record), "4,1,1,-;%s\n", message);

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], record, (size_t)n), n);
	close(fds[1]);
	w->kmsg = fds[0];
	watch_read(w);
	close(fds[0]);
	w->kmsg = -1;
}

static void kernel_message_that_nobody_expects_is_seen(void **state)
{
	struct watch w = { .kmsg = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

	(void)state;
	assert_true(judge_kernel(&w, false, "", why));
	w.no_memory = true;
	assert_false(judge_kernel(&w, false, "", why));
	assert_string_equal(why, "out of memory for the kernel's messages");
	w.no_memory = false;
	report(&w, "BUG: one");
	report(&w, "WARNING: two");
	assert_false(judge_kernel(&w, false, "", why));
	assert_string_equal(why, "the kernel reports: BUG: one");
	assert_false(judge_kernel(&w, true, "", why));
	assert_string_equal(why, "ended by the kernel: BUG: one");
	assert_false(judge_kernel(&w, false, "7", why));
	assert_string_equal(why,
			    "the kernel reports: BUG: one (process 7 also had "
			    "a VM: the message may be about that one)");
	assert_true(watch_expect(&w, "BUG"));
	assert_false(judge_kernel(&w, false, "", why));
	assert_string_equal(why, "the kernel reports: WARNING: two");
	assert_true(watch_expect(&w, "two"));
	assert_true(judge_kernel(&w, false, "", why));
	/* Later messages, and earlier ones. */
	report(&w, "another BUG");
	assert_true(judge_kernel(&w, false, "", why));
	watch_close(&w);
}

static void message_is_expected_once_for_each_time_it_is_named(void **state)
{
	struct watch w = { .kmsg = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

	(void)state;
	report(&w, "old");
	watch_mark(&w); /* another machine */
	assert_false(watch_expect(&w, "old"));
	report(&w, "new 1");
	report(&w, "new 2");
	assert_true(watch_expect(&w, "new"));
	assert_true(watch_expect(&w, "new"));
	assert_false(watch_expect(&w, "new"));
	assert_false(judge_kernel(&w, false, "", why)); /* the old one */
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failure_that_nobody_expects_is_seen),
		cmocka_unit_test(expected_error_is_that_one),
		cmocka_unit_test(disagreement_at_any_depth_is_seen),
		cmocka_unit_test(expected_disagreement_has_to_be_there),
		cmocka_unit_test(field_that_is_otherwise_is_seen),
		cmocka_unit_test(exit_status_has_to_be_that_one),
		cmocka_unit_test(taint_that_is_new_is_seen),
		cmocka_unit_test(page_that_is_not_given_back_is_seen),
		cmocka_unit_test(kernel_message_that_nobody_expects_is_seen),
		cmocka_unit_test(
			message_is_expected_once_for_each_time_it_is_named),
	};

	return cmocka_run_group_tests_name("scenario_judge", tests, NULL, NULL);
}
