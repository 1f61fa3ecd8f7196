// SPDX-License-Identifier: GPL-2.0-only
/* What follows from a memory fault. */
#include <errno.h>

#include "unit.h"
#include "vcpu/fault.h"

#define CAN_SET true

static const struct fault private_fault = { 0x5000, true, EFAULT };

/* The answer once it is believed; -1 when it never is. */
static int believed(struct fault_row *row, enum fault_policy policy,
		    struct fault f, bool can_set)
{
	for (int i = 0; i <= FAULT_TRIES; i++) {
		enum fault_action a = fault_decide(row, policy, &f, 7, can_set);

		if (a != FAULT_AGAIN)
			return (int)a;
	}
	return -1;
}

static void first_fault_is_taken_for_a_race_by_every_policy(void **state)
{
	(void)state;
	for (int p = FAULT_REPORT; p <= FAULT_STOP; p++) {
		struct fault_row row = { .tries = 0 };

		for (int i = 0; i < FAULT_TRIES; i++)
			assert_int_equal(
				fault_decide(&row, (enum fault_policy)p,
					     &private_fault, 7, CAN_SET),
				FAULT_AGAIN);
		assert_int_not_equal(fault_decide(&row, (enum fault_policy)p,
						  &private_fault, 7, CAN_SET),
				     FAULT_AGAIN);
	}
}

static void fault_that_meets_changes_is_tried_on_but_not_for_ever(void **state)
{
	struct fault_row row = { .tries = 0 };
	int n = 0;

	(void)state;
	for (uint64_t change = 0; fault_decide(&row, FAULT_STOP, &private_fault,
					       change, CAN_SET) == FAULT_AGAIN;
	     change++)
		n++;
	assert_int_equal(n, FAULT_TRIES_MAX);
}

static void another_fault_is_tried_anew(void **state)
{
	static const struct fault others[] = {
		{ 0x6000, true, EFAULT },
		{ 0x5000, false, EFAULT },
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fault_row row = { .tries = 0 };

		assert_int_equal(believed(&row, FAULT_REPORT, private_fault,
					  CAN_SET),
				 FAULT_INJECT);
		assert_int_equal(fault_decide(&row, FAULT_REPORT, &others[i], 7,
					      CAN_SET),
				 FAULT_AGAIN);
	}
}

static void poisoned_page_is_believed_at_once_and_never_converted(void **state)
{
	const struct fault f = { 0x5000, true, EHWPOISON };
	struct fault_row row = { .tries = 0 };

	(void)state;
	assert_int_equal(fault_decide(&row, FAULT_REPORT, &f, 7, CAN_SET),
			 FAULT_INJECT);
	assert_int_equal(fault_decide(&row, FAULT_CONVERT, &f, 8, CAN_SET),
			 FAULT_INJECT);
	assert_int_equal(fault_decide(&row, FAULT_STOP, &f, 9, CAN_SET),
			 FAULT_END);
}

static void policy_decides_what_a_fault_becomes(void **state)
{
	struct fault_row row[3] = { { .tries = 0 } };

	(void)state;
	assert_int_equal(believed(&row[0], FAULT_REPORT, private_fault,
				  CAN_SET),
			 FAULT_INJECT);
	assert_int_equal(believed(&row[1], FAULT_CONVERT, private_fault,
				  CAN_SET),
			 FAULT_SET);
	assert_int_equal(believed(&row[2], FAULT_STOP, private_fault, CAN_SET),
			 FAULT_END);
}

static void conversion_that_does_not_help_becomes_a_report(void **state)
{
	struct fault_row row = { .tries = 0 };

	(void)state;
	assert_int_equal(believed(&row, FAULT_CONVERT, private_fault, CAN_SET),
			 FAULT_SET);
	assert_int_equal(believed(&row, FAULT_CONVERT, private_fault, CAN_SET),
			 FAULT_INJECT);
	/* Until the vCPU gets on: then a conversion may help again. */
	assert_int_equal(believed(&row, FAULT_CONVERT, private_fault, CAN_SET),
			 FAULT_INJECT);
	fault_progress(&row);
	assert_int_equal(believed(&row, FAULT_CONVERT, private_fault, CAN_SET),
			 FAULT_SET);
}

static void nothing_is_converted_where_there_are_no_attributes(void **state)
{
	struct fault_row row = { .tries = 0 };

	(void)state;
	assert_int_equal(believed(&row, FAULT_CONVERT, private_fault, !CAN_SET),
			 FAULT_INJECT);
}

static void handler_that_faults_ends_the_machine(void **state)
{
	struct fault_row row = { .tries = 0 };
	struct fault f = private_fault;

	(void)state;
	for (int i = 0; i < FAULT_ROW; i++) {
		f.gpa = (uint64_t)(i % 2) * 4096; /* not always the same */
		assert_int_equal(believed(&row, FAULT_REPORT, f, CAN_SET),
				 FAULT_INJECT);
	}
	assert_int_equal(believed(&row, FAULT_REPORT, f, CAN_SET), FAULT_END);
}

static void guest_that_gets_on_may_fault_for_ever(void **state)
{
	struct fault_row row = { .tries = 0 };

	(void)state;
	for (int i = 0; i < 3 * FAULT_ROW; i++) {
		assert_int_equal(believed(&row, FAULT_REPORT, private_fault,
					  CAN_SET),
				 FAULT_INJECT);
		fault_progress(&row);
	}
}

static void every_policy_name_reads_back(void **state)
{
	unsigned int p;
	struct err e;

	(void)state;
	for (unsigned int i = FAULT_REPORT; i < FAULT_POLICIES; i++) {
		assert_int_equal(choice_parse("memory-fault",
					      fault_policy_names[i],
					      fault_policy_names,
					      FAULT_POLICIES, &p, NULL),
				 0);
		assert_int_equal(p, i);
	}
	assert_int_equal(choice_parse("memory-fault", "Report",
				      fault_policy_names, FAULT_POLICIES, &p,
				      &e),
			 -1);
	assert_int_equal(e.kind, ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			first_fault_is_taken_for_a_race_by_every_policy),
		cmocka_unit_test(
			fault_that_meets_changes_is_tried_on_but_not_for_ever),
		cmocka_unit_test(another_fault_is_tried_anew),
		cmocka_unit_test(
			poisoned_page_is_believed_at_once_and_never_converted),
		cmocka_unit_test(policy_decides_what_a_fault_becomes),
		cmocka_unit_test(
			conversion_that_does_not_help_becomes_a_report),
		cmocka_unit_test(
			nothing_is_converted_where_there_are_no_attributes),
		cmocka_unit_test(handler_that_faults_ends_the_machine),
		cmocka_unit_test(guest_that_gets_on_may_fault_for_ever),
		cmocka_unit_test(every_policy_name_reads_back),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
