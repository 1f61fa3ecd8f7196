// SPDX-License-Identifier: GPL-2.0-only
/* The judge of steal time, with a guest that answers what the test says. */
#include <string.h>

#include "unit.h"
#include "devices/doorbell.h"
#include "pv.h"

/* In place of those of devices/doorbell.c. */
static uint64_t answers[2][4]; /* status, version, steal, flags */
static unsigned int asked;

int agent_call(struct vcpu *v, struct agent_op *op, struct err *e)
{
	(void)v;
	(void)e;
	memcpy(op->out, answers[asked++ % 2], sizeof(answers[0]));
	return 0;
}

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

static enum pv_verdict judge(uint64_t status, uint64_t version1,
			     uint64_t steal1, uint64_t version2,
			     uint64_t steal2)
{
	struct pv_page page = { .kind = &pv_steal_kind };
	const uint64_t now[2][4] = { { status, version1, steal1 },
				     { status, version2, steal2 } };
	enum pv_verdict verdict = VERDICT_UNSUPPORTED;
	char why[160];
	struct json j;

	memcpy(answers, now, sizeof(answers));
	asked = 0;
	json_init(&j);
	assert_int_equal(
		pv_steal_kind.check(&page, NULL, &j, &verdict, why, NULL), 0);
	json_free(&j);
	return verdict;
}

static void version_that_goes_up_is_fresh(void **state)
{
	(void)state;
	assert_int_equal(judge(ST_OK, 4, 10, 6, 10), VERDICT_FRESH);
	assert_int_equal(judge(ST_OK, 0xfffffffe, 10, 0, 11), VERDICT_FRESH);
}

static void version_that_stays_is_stale(void **state)
{
	(void)state;
	assert_int_equal(judge(ST_OK, 4, 10, 4, 10), VERDICT_STALE);
	assert_int_equal(judge(ST_OK, 0, 0, 0, 0), VERDICT_STALE);
}

static void version_that_goes_back_is_not_fresh(void **state)
{
	(void)state;
	assert_int_equal(judge(ST_OK, 8, 10, 2, 10), VERDICT_STALE);
}

static void time_that_goes_back_is_torn(void **state)
{
	(void)state;
	assert_int_equal(judge(ST_OK, 4, 10, 6, 9), VERDICT_TORN);
}

static void page_that_faults_is_absent(void **state)
{
	(void)state;
	assert_int_equal(judge(ST_FAULT, 4, 10, 6, 10), VERDICT_ABSENT);
	assert_int_equal(judge(ST_TORN, 5, 10, 5, 10), VERDICT_TORN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_that_goes_up_is_fresh),
		cmocka_unit_test(version_that_stays_is_stale),
		cmocka_unit_test(version_that_goes_back_is_not_fresh),
		cmocka_unit_test(time_that_goes_back_is_torn),
		cmocka_unit_test(page_that_faults_is_absent),
	};

	return cmocka_run_group_tests_name("steal", tests, NULL, NULL);
}
