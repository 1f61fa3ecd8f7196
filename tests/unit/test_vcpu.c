// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"
#include "vcpu/vcpu.h"

static struct vcpu held(void)
{
	struct vcpu v = { .hold = true, .fd = -1 };

	pthread_mutex_init(&v.lock, NULL);
	pthread_cond_init(&v.cond, NULL);
	return v;
}

static void a_held_vcpu_is_set_up_by_one_only(void **state)
{
	struct vcpu v = held();

	(void)state;
	assert_true(vcpu_claim(&v));
	assert_false(vcpu_claim(&v));
	/* Its state stays "new" until its thread wakes up. */
	vcpu_release(&v);
	assert_int_equal(vcpu_state(&v), VCPU_NEW);
	assert_false(vcpu_claim(&v));
}

static void a_vcpu_that_runs_is_nobodys(void **state)
{
	struct vcpu v = held();

	(void)state;
	v.hold = false; /* a PC's, whose thread has not got to run yet */
	assert_int_equal(vcpu_state(&v), VCPU_NEW);
	assert_false(vcpu_claim(&v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_held_vcpu_is_set_up_by_one_only),
		cmocka_unit_test(a_vcpu_that_runs_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
