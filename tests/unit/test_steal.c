// SPDX-License-Identifier: GPL-2.0-only
/* The judge of steal time, with a guest that answers as the test demands. */
#include <string.h>

#include "unit.h"
#include "devices/devices.h"
#include "devices/pv_steal.h"
#include "pv/pv.h"

/* Replace those of vmm/vcpu/agent.c. agent_call() is below. */
int agent_do(struct vcpu *v, struct agent_op *op, struct err *e)
{
	return agent_call(v, op, e);
}

void agent_fault_text(const struct agent_op *op, char *buf, unsigned int len)
{
	(void)op;
	if (len)
		buf[0] = '\0';
}

static uint32_t left;
static char why[160];

/* Two reads; the guest wrote a version after the first one. */
static enum pv_verdict judge(uint64_t status, uint64_t steal1,
			     uint64_t version2, uint64_t steal2)
{
	const struct agent_op first = { .out = { ST_OK, 4, steal1 } };
	const struct agent_op second = { .out = { status, version2, steal2 } };

	why[0] = '\0';
	return steal_judge(&first, &second, left, why);
}

static void version_that_goes_on_from_what_was_left_is_fresh(void **state)
{
	(void)state;
	left = 0x40000000;
	assert_int_equal(judge(ST_OK, 10, left + 2, 10), VERDICT_FRESH);
	assert_int_equal(judge(ST_OK, 10, left + 2 * STEAL_UPDATES, 11),
			 VERDICT_FRESH);
	left = 0xfffffffe;
	assert_int_equal(judge(ST_OK, 10, 0, 11), VERDICT_FRESH);
	assert_string_equal(why, "");
}

static void version_that_stays_as_it_was_left_is_stale(void **state)
{
	(void)state;
	left = 0x40000000;
	assert_int_equal(judge(ST_OK, 10, left, 10), VERDICT_STALE);
	assert_non_null(strstr(why, "did not update"));
}

static void page_of_zeros_is_stale(void **state)
{
	(void)state;
	left = 0x40000000;
	assert_int_equal(judge(ST_OK, 10, 0, 0), VERDICT_STALE);
	assert_non_null(strstr(why, "zeros"));
}

/* A version that KVM counted elsewhere, and one that fits by chance. */
static void
version_that_does_not_follow_from_what_was_left_is_torn(void **state)
{
	(void)state;
	left = 0x40000000;
	assert_int_equal(judge(ST_OK, 10, 6, 10), VERDICT_TORN);
	assert_int_equal(judge(ST_OK, 10, left + 3, 10), VERDICT_TORN);
	assert_int_equal(judge(ST_OK, 10, left - 2, 10), VERDICT_TORN);
	assert_int_equal(judge(ST_OK, 10, left + 2 * STEAL_UPDATES + 2, 10),
			 VERDICT_TORN);
	assert_non_null(strstr(why, "does not continue"));
}

static void time_that_goes_back_is_torn(void **state)
{
	(void)state;
	left = 0x40000000;
	assert_int_equal(judge(ST_OK, 10, left + 2, 9), VERDICT_TORN);
}

static void page_that_faults_is_absent(void **state)
{
	const struct agent_op bad = { .out = { ST_FAULT } }, good = { 0 };

	(void)state;
	left = 0x40000000;
	assert_int_equal(judge(ST_FAULT, 10, left + 2, 10), VERDICT_ABSENT);
	assert_int_equal(judge(ST_TORN, 10, left + 3, 10), VERDICT_TORN);
	assert_int_equal(steal_judge(&bad, &good, left, why), VERDICT_ABSENT);
}

/* ---- the amount --------------------------------------------------------- */

/* The steal time grew by @grown while the thread waited @least to @most. */
static enum pv_verdict grew(uint64_t grown, uint64_t least, uint64_t most)
{
	const struct agent_op first = { .out = { ST_OK, 4, 1000 } };
	const struct agent_op second = { .out = { ST_OK, 6, 1000 + grown } };
	const struct steal_delay d = { .known = true,
				       .start = 5000,
				       .between = { 5000, 5000 + least },
				       .end = 5000 + most };

	why[0] = '\0';
	return steal_judge_amount(&first, &second, &d, why);
}

static void amount_grows_as_the_thread_waits(void **state)
{
	(void)state;
	assert_int_equal(grew(700, 700, 700), VERDICT_FRESH);
	assert_int_equal(grew(0, 0, 0), VERDICT_FRESH);
	assert_int_equal(grew(500, 300, 700), VERDICT_FRESH);
	assert_string_equal(why, "");
	assert_int_equal(grew(0, 1, 700), VERDICT_STALE);
	assert_int_equal(grew(699, 700, 700), VERDICT_STALE);
	assert_non_null(strstr(why, "grew by 699 ns, but the vCPU's thread "
				    "waited 700 ns"));
	assert_int_equal(grew(701, 700, 700), VERDICT_TORN);
	assert_non_null(strstr(why, "waited only 700 ns"));
}

static void amount_is_not_judged_where_the_host_does_not_say(void **state)
{
	const struct agent_op first = { .out = { ST_OK, 4, 1000 } };
	const struct steal_delay d = { .between = { 0, 700 }, .end = 700 };

	(void)state;
	assert_int_equal(steal_judge_amount(&first, &first, &d, why),
			 VERDICT_FRESH);
}

static enum pv_verdict left_there(uint64_t version2, uint64_t preempted)
{
	const struct agent_op op = { .out = { ST_OK, version2, 9,
					      preempted << 32 } };

	why[0] = '\0';
	return steal_judge_left(&op, why);
}

static void what_kvm_left_is_even_and_not_preempted(void **state)
{
	(void)state;
	assert_int_equal(left_there(4, 0), VERDICT_FRESH);
	assert_int_equal(left_there(5, 0), VERDICT_TORN);
	assert_non_null(strstr(why, "is odd"));
	assert_int_equal(left_there(4, 1), VERDICT_TORN);
	assert_non_null(strstr(why, "preempted is 0x1"));
}

/* ---- a check ------------------------------------------------------------ */

/* A guest whose KVM adds @step to the version on each KVM_RUN. */
static uint32_t version, step;
static uint64_t preempted;

int agent_call(struct vcpu *v, struct agent_op *op, struct err *e)
{
	(void)v;
	(void)e;
	assert_int_equal(op->op, OP_STEAL);
	version += step;
	memset(op->out, 0, sizeof(op->out));
	op->out[1] = version;
	op->out[3] = preempted << 32;
	if (op->in[1])
		version = left = (uint32_t)op->in[1];
	return 0;
}

static enum pv_verdict check(void)
{
	struct pv_page page = { .kind = &pv_steal_kind };
	struct vcpu v = { .task.schedstat = -1, .stats = -1 };
	enum pv_verdict verdict = VERDICT_UNSUPPORTED;
	struct json j;

	json_init(&j);
	assert_int_equal(
		pv_steal_kind.check(&page, &v, &j, &verdict, why, NULL), 0);
	json_free(&j);
	return verdict;
}

static void check_leaves_another_even_version_each_time(void **state)
{
	uint32_t before;

	(void)state;
	step = 2;
	assert_int_equal(check(), VERDICT_FRESH);
	before = left;
	assert_int_equal(check(), VERDICT_FRESH);
	assert_int_not_equal(left, before);
	assert_true(left && !(left & 1));
	step = 0;
	assert_int_equal(check(), VERDICT_STALE);
}

/* The guest itself never reads it as set. */
static void preempted_while_the_guest_reads_it_is_torn(void **state)
{
	(void)state;
	step = 2;
	preempted = 1;
	assert_int_equal(check(), VERDICT_TORN);
	assert_non_null(strstr(why, "while the vCPU is running"));
	preempted = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			version_that_goes_on_from_what_was_left_is_fresh),
		cmocka_unit_test(version_that_stays_as_it_was_left_is_stale),
		cmocka_unit_test(page_of_zeros_is_stale),
		cmocka_unit_test(
			version_that_does_not_follow_from_what_was_left_is_torn),
		cmocka_unit_test(time_that_goes_back_is_torn),
		cmocka_unit_test(page_that_faults_is_absent),
		cmocka_unit_test(amount_grows_as_the_thread_waits),
		cmocka_unit_test(
			amount_is_not_judged_where_the_host_does_not_say),
		cmocka_unit_test(what_kvm_left_is_even_and_not_preempted),
		cmocka_unit_test(check_leaves_another_even_version_each_time),
		cmocka_unit_test(preempted_while_the_guest_reads_it_is_torn),
	};

	return cmocka_run_group_tests_name("steal", tests, NULL, NULL);
}
