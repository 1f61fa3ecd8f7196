// SPDX-License-Identifier: GPL-2.0-only
/* With /proc's files as plain ones, which say what a test has them say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "base/clock.h"
#include "vcpu/patience.h"

#define TICK (200 * NS_PER_MS)

static int text_file(void)
{
	char path[] = "/tmp/gpcvm-unit-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static struct vcpu make(void)
{
	struct vcpu v = { .fd = -1, .state = VCPU_RUNNING };

	pthread_mutex_init(&v.lock, NULL);
	v.task.schedstat = text_file();
	v.task.stat = text_file();
	v.task.where = text_file();
	v.task.stack = true;
	return v;
}

static void drop(struct vcpu *v)
{
	task_close(&v->task);
}

static void write_text(int fd, const char *text)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
}

static void say(struct vcpu *v, uint64_t ran, uint64_t waited, char state)
{
	char text[100];

	snprintf(text, sizeof(text), "%lu %lu 1\n", (unsigned long)ran,
		 (unsigned long)waited);
	write_text(v->task.schedstat, text);
	snprintf(text, sizeof(text), "7 (a ) b) %c 1 2", state);
	write_text(v->task.stat, text);
}

/* A look every tick, up to @n: how many it takes until it is over. */
static int ticks(struct patience *p, struct vcpu *v, uint64_t *now, int n,
		 void (*meanwhile)(struct vcpu *v, uint64_t now))
{
	uint64_t since = *now;
	int i;

	for (i = 1; i <= n; i++) {
		*now += TICK;
		meanwhile(v, *now);
		if (patience_look(p, v, since, *now) != PATIENCE_YET)
			break;
	}
	return i;
}

static void sleeps(struct vcpu *v, uint64_t now)
{
	(void)now;
	say(v, 5, 5, 'S');
}

static void waits_for_a_cpu(struct vcpu *v, uint64_t now)
{
	(void)now;
	say(v, 5, 5, 'R');
}

static void gets_every_second_tick(struct vcpu *v, uint64_t now)
{
	say(v, now / 2, now / 2, 'R');
}

static void exits_to_gpcvm(struct vcpu *v, uint64_t now)
{
	say(v, now, 5, 'R');
	v->runs++;
}

static void a_vcpu_that_hangs_has_ten_seconds(void **state)
{
	struct vcpu v = make();
	struct patience p = { 0 };
	uint64_t now = NS_PER_SEC;

	(void)state;
	say(&v, 5, 5, 'S');
	assert_in_range(ticks(&p, &v, &now, 1000, sleeps), 50, 51);
	drop(&v);
}

static void time_without_a_cpu_does_not_count_but_ends(void **state)
{
	struct vcpu v = make();
	struct patience p = { 0 }, half = { 0 };
	uint64_t now = NS_PER_SEC;

	(void)state;
	say(&v, 5, 5, 'R');
	assert_in_range(ticks(&p, &v, &now, 1000, waits_for_a_cpu), 200, 201);
	say(&v, now / 2, now / 2, 'R');
	assert_in_range(ticks(&half, &v, &now, 1000, gets_every_second_tick),
			100, 102);
	drop(&v);
}

static void a_guest_that_gets_on_has_longer(void **state)
{
	struct vcpu v = make();
	struct patience p = { 0 };
	uint64_t now = NS_PER_SEC;

	(void)state;
	say(&v, 5, 5, 'R');
	assert_in_range(ticks(&p, &v, &now, 1000, exits_to_gpcvm), 199, 202);
	drop(&v);
}

static void a_standstill_of_everything_counts_as_one_tick_or_two(void **state)
{
	struct vcpu v = make();
	struct patience p = { 0 };
	uint64_t now = NS_PER_SEC, since = now;

	(void)state;
	say(&v, 5, 5, 'S');
	patience_look(&p, &v, since, now + TICK);
	now += 1000 * NS_PER_SEC;
	assert_int_equal(patience_look(&p, &v, since, now), PATIENCE_YET);
	assert_in_range(p.spent, TICK, 3 * TICK);
	drop(&v);
}

static void the_next_operation_has_its_own_time(void **state)
{
	struct vcpu v = make();
	struct patience p = { 0 };
	uint64_t now = NS_PER_SEC;

	(void)state;
	say(&v, 5, 5, 'S');
	ticks(&p, &v, &now, 49, sleeps);
	assert_int_equal(patience_look(&p, &v, now, now + TICK), PATIENCE_YET);
	assert_true(p.spent <= TICK);
	drop(&v);
}

static void what_it_did_is_told_as_it_was_before_the_kick(void **state)
{
	struct vcpu v = make();
	struct vcpu_job job = { .what = "storm" }, waiting = { 0 };
	struct patience p = { 0 };
	uint64_t now = NS_PER_SEC, since = now;
	const char *const words[] = {
		"ran for 5000",	  "no CPU for 0 ms",	 "it is idle",
		"1 in its queue", "'storm' has run for", "S in a_lock < b"
	};

	(void)state;
	v.state = VCPU_IDLE;
	v.job = &job;
	v.job_since = since;
	v.queue = &waiting;
	write_text(v.task.where, "[<0>] a_lock+0x1/0x2\n[<0>] b+0x1/0x2\n");
	say(&v, 0, 5, 'S');
	patience_look(&p, &v, since, since);
	say(&v, 5 * NS_PER_SEC, 5, 'S');
	while (patience_look(&p, &v, since, now) == PATIENCE_YET)
		now += TICK;
	v.state = VCPU_ENDED;
	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strstr(p.doing, words[i]))
			fail_msg("no '%s' in: %s", words[i], p.doing);
	/* A kick that it does not take: some more, then it is stuck. */
	write_text(v.task.where, "[<0>] deeper+0x1/0x2\n");
	assert_int_equal(patience_look(&p, &v, since, now + TICK),
			 PATIENCE_OVER);
	while (patience_look(&p, &v, since, now) == PATIENCE_OVER)
		now += TICK;
	assert_int_equal(p.state, PATIENCE_STUCK);
	assert_non_null(strstr(p.doing, "S in deeper"));
	drop(&v);
}

static void
a_job_is_cancelled_before_it_begins_or_when_paused_inside(void **state)
{
	struct vcpu v = make();
	struct vcpu_job job = { .queued_ns = now_ns() };
	struct patience p = { 0 };

	(void)state;
	say(&v, 5, 5, 'S');
	assert_int_equal(patience_job(&p, &v, &job, false), PATIENCE_YET);
	assert_false(job.cancelled);
	assert_int_equal(patience_job(&p, &v, &job, true), PATIENCE_YET);
	assert_true(job.cancelled);
	/* Once it has begun, an operation has its time, unless it is paused. */
	job = (struct vcpu_job){ .started = true };
	v.agent.op_since = now_ns();
	patience_job(&p, &v, &job, true);
	assert_false(job.cancelled || v.agent.cancel);
	v.pause = true;
	patience_job(&p, &v, &job, false);
	assert_false(v.agent.cancel);
	patience_job(&p, &v, &job, true);
	assert_true(v.agent.cancel && !job.cancelled);
	drop(&v);
}

static void *ends_soon(void *arg)
{
	usleep(50000);
	return arg;
}

static void a_thread_that_ends_is_joined(void **state)
{
	struct vcpu v = make();
	struct kvm_run *run = calloc(1, sizeof(*run));

	(void)state;
	assert_non_null(run);
	v.run = run;
	v.started = true;
	assert_int_equal(pthread_create(&v.thread, NULL, ends_soon, NULL), 0);
	assert_true(vcpu_join(&v));
	assert_false(v.started);
	assert_true(vcpu_join(&v));	  /* nothing is left to wait for */
	assert_true(run->immediate_exit); /* it was kicked meanwhile */
	free(run);
	drop(&v);
}

static void what_cannot_be_read_is_named(void **state)
{
	struct vcpu v = make();
	char buf[200];

	(void)state;
	say(&v, 5, 5, 'D');
	v.task.stack = false;
	v.task.stack_errno = 13;
	write_text(v.task.where, "do_wait");
	task_where(&v.task, buf, sizeof(buf));
	assert_string_equal(buf,
			    "D in do_wait (kernel stack not readable: EACCES)");
	task_close(&v.task);
	v.task = (struct task_files){ -1, -1, -1, false, 2 };
	task_where(&v.task, buf, sizeof(buf));
	assert_string_equal(buf, "? in user space, or unknown (kernel stack "
				 "not readable: ENOENT)");
	assert_false(task_times(&v.task).there);
	drop(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vcpu_that_hangs_has_ten_seconds),
		cmocka_unit_test(time_without_a_cpu_does_not_count_but_ends),
		cmocka_unit_test(a_guest_that_gets_on_has_longer),
		cmocka_unit_test(
			a_standstill_of_everything_counts_as_one_tick_or_two),
		cmocka_unit_test(the_next_operation_has_its_own_time),
		cmocka_unit_test(what_it_did_is_told_as_it_was_before_the_kick),
		cmocka_unit_test(
			a_job_is_cancelled_before_it_begins_or_when_paused_inside),
		cmocka_unit_test(a_thread_that_ends_is_joined),
		cmocka_unit_test(what_cannot_be_read_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
