// SPDX-License-Identifier: GPL-2.0-only
/* The fields of a clock: each wrong one alone changes the verdict. */
#include <string.h>

#include "unit.h"
#include "devices/pvclock.h"

#define STABLE	0x1
#define STOPPED 0x2
#define KHZ	2000000 /* 2 GHz: 0.5 ns per tick */
#define NS	UINT64_C(5000000000)

static char why[160];

struct clock {
	uint64_t tsc_timestamp, system_time, tsc, padding;
	uint32_t mul;
	int8_t shift;
	uint8_t flags;
};

/* Read 1000 ns after the clock was written. */
static struct clock good(void)
{
	return (struct clock){
		.tsc_timestamp = 100000,
		.tsc = 102000,
		.system_time = NS,
		.mul = 0x80000000,
		.shift = 0,
		.flags = STABLE,
	};
}

static struct pvclock_truth truth(void)
{
	return (struct pvclock_truth){ .from = NS + 900,
				       .to = NS + 1100,
				       .tsc = PVCLOCK_STABLE,
				       .khz = KHZ };
}

static struct agent_op seen(const struct clock *c)
{
	return (struct agent_op){
		.out = { ST_OK, 4, c->tsc_timestamp, c->system_time,
			 c->mul | (uint64_t)(uint8_t)c->shift << 32 |
				 (uint64_t)c->flags << 40,
			 c->tsc, 1, c->padding },
	};
}

static enum pv_verdict judge(const struct clock *c,
			     const struct pvclock_truth *t)
{
	const struct agent_op op = seen(c);

	why[0] = '\0';
	return pvclock_judge_look(&op, t, why);
}

static void clock_as_kvm_writes_it_is_fresh(void **state)
{
	const struct pvclock_truth t = truth();
	const struct clock c = good();
	const struct agent_op op = seen(&c);

	(void)state;
	assert_int_equal(judge(&c, &t), VERDICT_FRESH);
	assert_string_equal(why, "");
	assert_int_equal(pvclock_now(&op), NS + 1000);
}

static void stable_flag_follows_what_kvm_says_of_the_tsc(void **state)
{
	struct pvclock_truth t = truth();
	struct clock c = good();

	(void)state;
	t.tsc = PVCLOCK_UNSTABLE;
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	assert_non_null(strstr(why, "TSC_STABLE_BIT is set"));
	c.flags = 0;
	assert_int_equal(judge(&c, &t), VERDICT_FRESH);
	t.tsc = PVCLOCK_STABLE;
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	assert_non_null(strstr(why, "TSC_STABLE_BIT is clear"));
	t.tsc = PVCLOCK_UNKNOWN; /* it changed during the read */
	assert_int_equal(judge(&c, &t), VERDICT_FRESH);
}

static void stopped_flag_is_only_there_where_kvm_was_told(void **state)
{
	struct pvclock_truth t = truth();
	struct clock c = good();

	(void)state;
	c.flags |= STOPPED;
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	assert_non_null(strstr(why, "PVCLOCK_GUEST_STOPPED"));
	t.stopped = true;
	assert_int_equal(judge(&c, &t), VERDICT_FRESH);
}

static void flag_that_no_kernel_defines_is_torn(void **state)
{
	const struct pvclock_truth t = truth();
	struct clock c = good();

	(void)state;
	c.flags |= 0x80;
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	assert_non_null(strstr(why, "flags 0x81"));
}

static void padding_that_is_not_zero_is_torn(void **state)
{
	static const uint64_t padding[] = { 1, UINT64_C(1) << 32,
					    UINT64_C(1) << 47 };
	const struct pvclock_truth t = truth();
	struct clock c = good();

	(void)state;
	for (unsigned int i = 0; i < sizeof(padding) / sizeof(*padding); i++) {
		c.padding = padding[i];
		assert_int_equal(judge(&c, &t), VERDICT_TORN);
		assert_non_null(strstr(why, "padding"));
	}
}

static void scale_of_another_tsc_is_torn(void **state)
{
	struct pvclock_truth t = truth();
	struct clock c = good();

	(void)state;
	c.shift = 1;
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	assert_non_null(strstr(why, "does not match a TSC"));
	c = good();
	c.mul += c.mul / 50;
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	c = good();
	c.mul = 0;
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	c = good();
	c.shift = -128;
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	/* The same scale as another mul and shift, and
	 * one that is slightly off. */
	c = good();
	c.mul /= 2;
	c.shift = 1;
	assert_int_equal(judge(&c, &t), VERDICT_FRESH);
	c.mul += c.mul / 4000;
	assert_int_equal(judge(&c, &t), VERDICT_FRESH);
}

static void scale_without_a_stable_tsc_may_follow_the_cpu(void **state)
{
	struct pvclock_truth t = truth();
	struct clock c = good();

	(void)state;
	c.flags = 0;
	c.shift = 1;
	t.tsc = PVCLOCK_UNSTABLE;
	assert_int_equal(judge(&c, &t), VERDICT_FRESH);
	c.shift = 5;
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	t.khz = 0; /* unknown */
	c = good();
	assert_int_equal(judge(&c, &(struct pvclock_truth){ .from = NS,
							    .to = NS + 2000 }),
			 VERDICT_FRESH);
}

static void time_that_the_guest_makes_of_it_is_kvms(void **state)
{
	struct pvclock_truth t = truth();
	struct clock c = good();

	(void)state;
	c.tsc += 0x100000000000; /* the guest has changed its TSC */
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	assert_non_null(strstr(why, "ahead of KVM_GET_CLOCK"));
	c = good();
	c.tsc_timestamp += 10000000; /* 5 ms */
	assert_int_equal(judge(&c, &t), VERDICT_STALE);
	assert_non_null(strstr(why, "behind KVM_GET_CLOCK"));
	c = good();
	c.system_time += 2000000;
	assert_int_equal(judge(&c, &t), VERDICT_TORN);
	/* Long after it was written, the clock may be off a little more. */
	c = good();
	c.tsc_timestamp -= UINT64_C(300) * KHZ * 1000;
	c.mul += c.mul / 4000;
	t.from = t.to = NS + UINT64_C(300000000000);
	assert_int_equal(judge(&c, &t), VERDICT_FRESH);
}

/* The TSCs of two CPUs may differ by a few ticks. */
static void time_a_little_before_it_was_written_is_not_far_ahead(void **state)
{
	const struct pvclock_truth t = truth();
	struct clock c = good();

	(void)state;
	c.tsc = c.tsc_timestamp - 200;
	assert_int_equal(judge(&c, &t), VERDICT_FRESH);
}

static void clock_of_zeros_is_stale(void **state)
{
	const struct agent_op op = { .out = { ST_OK, 0, 0, 0, 0, 77, 1 } };
	const struct pvclock_truth t = truth();

	(void)state;
	assert_int_equal(pvclock_judge_look(&op, &t, why), VERDICT_STALE);
	assert_non_null(strstr(why, "zeros"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_as_kvm_writes_it_is_fresh),
		cmocka_unit_test(stable_flag_follows_what_kvm_says_of_the_tsc),
		cmocka_unit_test(stopped_flag_is_only_there_where_kvm_was_told),
		cmocka_unit_test(flag_that_no_kernel_defines_is_torn),
		cmocka_unit_test(padding_that_is_not_zero_is_torn),
		cmocka_unit_test(scale_of_another_tsc_is_torn),
		cmocka_unit_test(scale_without_a_stable_tsc_may_follow_the_cpu),
		cmocka_unit_test(time_that_the_guest_makes_of_it_is_kvms),
		cmocka_unit_test(
			time_a_little_before_it_was_written_is_not_far_ahead),
		cmocka_unit_test(clock_of_zeros_is_stale),
	};

	return cmocka_run_group_tests_name("pvclock", tests, NULL, NULL);
}
