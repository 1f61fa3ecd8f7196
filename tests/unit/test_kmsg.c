// SPDX-License-Identifier: GPL-2.0-only
/* A socket that keeps records apart stands in for /dev/kmsg. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"
#include "host/kmsg.h"

static int fds[2];

static int start(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds);
}

static int finish(void **state)
{
	(void)state;
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void record(const char *s)
{
	assert_int_equal(write(fds[1], s, strlen(s)), strlen(s));
}

static void only_warnings_of_the_kernel_are_taken(void **state)
{
	char buf[KMSG_RECORD];

	(void)state;
	record("6,1,1,-;info");
	record("4,2,2,-;a warning\n SUBSYSTEM=x");
	record("12,3,3,-;a program's");
	record("0,4,4,-;an emergency");
	record("5,5,5,-;a notice");
	assert_string_equal(kmsg_next(fds[0], buf), "a warning");
	assert_string_equal(kmsg_next(fds[0], buf), "an emergency");
	assert_null(kmsg_next(fds[0], buf));
	record("3,6,6,-;one more");
	assert_string_equal(kmsg_next(fds[0], buf), "one more");
	assert_null(kmsg_next(fds[0], buf));
}

static void a_slow_machine_is_no_warning(void **state)
{
	/* As kernels write them, without the end of some. */
	static const char *const slow[] = {
		"hrtimer: interrupt took 99995471 ns",
		"perf: interrupt took too long (2520 > 2500), lowering",
		"sched: DL replenish lagged too much",
		"sched: RT throttling activated",
		"workqueue: drain_vmap_area_work hogged CPU for >10000us",
		"clocksource: timekeeping watchdog on CPU1: excessive read-back delay of 1ns",
		"clocksource: Long readout interval, skipping watchdog check:",
		"INFO: NMI handler (nmi) took too long to run: 1.003 msecs",
	};
	char buf[KMSG_RECORD], line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
		snprintf(line, sizeof(line), "4,1,1,-;%s\n SUBSYSTEM=x",
			 slow[i]);
		record(line);
	}
	assert_null(kmsg_next(fds[0], buf));
}

static void a_machine_that_is_stuck_is_a_warning(void **state)
{
	static const char *const stuck[] = {
		"hrtimer: something else",
		"sched: something else",
		"workqueue: something else",
		"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
		"watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
		"BUG: workqueue lockup - pool cpus=0",
		"INFO: task gpcvm:1 blocked for more than 120 seconds.",
		"clocksource: Marking clocksource 'tsc' as unstable",
	};
	char buf[KMSG_RECORD], line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(stuck) / sizeof(stuck[0]); i++) {
		snprintf(line, sizeof(line), "4,1,1,-;%s", stuck[i]);
		record(line);
		assert_string_equal(kmsg_next(fds[0], buf), stuck[i]);
	}
	assert_null(kmsg_next(fds[0], buf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			only_warnings_of_the_kernel_are_taken, start, finish),
		cmocka_unit_test_setup_teardown(a_slow_machine_is_no_warning,
						start, finish),
		cmocka_unit_test_setup_teardown(
			a_machine_that_is_stuck_is_a_warning, start, finish),
	};

	return cmocka_run_group_tests_name("kmsg", tests, NULL, NULL);
}
