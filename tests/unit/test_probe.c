// SPDX-License-Identifier: GPL-2.0-only
/* The probe's advice for other kernels. */
#include <string.h>

#include "unit.h"
#include "kvm/host_advice.h"
#include "probe/probe_row.h"

static void advises(enum host_lack what, const char *release, const char *text)
{
	const char *got = host_advice(what, release);

	if (!strstr(got, text))
		fail_msg("on %s: \"%s\" has no \"%s\"", release, got, text);
}

static bool sends_to_another_kernel(enum host_lack what, const char *release)
{
	return strstr(host_advice(what, release), "needs 6.");
}

static void kernel_that_is_too_old_is_told_which_to_boot(void **state)
{
	(void)state;
	advises(LACK_GMEM, "6.1.0-42-amd64", "needs 6.8+");
	advises(LACK_PRIVATE, "5.15.3", "needs 6.8+");
	advises(LACK_MMAP, "6.17.13", "needs 6.18+");
	advises(LACK_PRE_FAULT, "6.11.0", "needs 6.12+");
}

static void
kernel_that_is_new_enough_is_told_what_it_is_built_without(void **state)
{
	static const char *const releases[] = {
		"6.12.117-cloud-amd64", "6.16.9", "6.17.0",
		"6.18.44-fc",		"7.2.1",  "7.3.4+deb14"
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(releases) / sizeof(*releases);
	     i++) {
		assert_false(sends_to_another_kernel(LACK_GMEM, releases[i]));
		assert_false(
			sends_to_another_kernel(LACK_PRIVATE, releases[i]));
		assert_false(
			sends_to_another_kernel(LACK_PRE_FAULT, releases[i]));
		advises(LACK_GMEM, releases[i], "CONFIG_KVM_");
		advises(LACK_PRIVATE, releases[i],
			"CONFIG_KVM_SW_PROTECTED_VM");
	}
	advises(LACK_GMEM, "6.12.117", "CONFIG_KVM_SW_PROTECTED_VM");
	advises(LACK_GMEM, "7.3.4", "CONFIG_KVM_GUEST_MEMFD");
	advises(LACK_MMAP, "7.3.4", "CONFIG_KVM_GUEST_MEMFD");
}

/* As in the reason of a skip, which shows no other row. */
static void row_alone_points_to_no_other(void **state)
{
	static struct probe all, one;

	(void)state;
	assert_int_equal(probe_run(&all, "/nonexistent", NULL, NULL), -1);
	assert_true(all.nr > 20);
	for (unsigned int i = 0; i < all.nr; i++) {
		probe_run(&one, "/nonexistent", all.rows[i].name, NULL);
		assert_int_equal(one.nr, 1);
		if (strstr(one.rows[0].detail, SEE_ROW))
			fail_msg("%s: %s", all.rows[i].name,
				 one.rows[0].detail);
		if (strstr(all.rows[i].detail, SEE_ROW "kvm"))
			assert_non_null(
				strstr(one.rows[0].detail, "/nonexistent"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_that_is_too_old_is_told_which_to_boot),
		cmocka_unit_test(
			kernel_that_is_new_enough_is_told_what_it_is_built_without),
		cmocka_unit_test(row_alone_points_to_no_other),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
