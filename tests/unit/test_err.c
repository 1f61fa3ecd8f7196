// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "base/err.h"

static void every_kind_has_its_word_of_the_protocol(void **state)
{
	(void)state;
	assert_string_equal(err_kind_name(ERR_USAGE), "usage");
	assert_string_equal(err_kind_name(ERR_RANGE), "range");
	assert_string_equal(err_kind_name(ERR_STATE), "state");
	assert_string_equal(err_kind_name(ERR_UNSUPPORTED), "unsupported");
	assert_string_equal(err_kind_name(ERR_KVM), "kvm");
	assert_string_equal(err_kind_name(ERR_OS), "os");
}

static void errno_is_named_and_zero_has_no_name(void **state)
{
	(void)state;
	assert_string_equal(err_errno_name(EINVAL), "EINVAL");
	assert_string_equal(err_errno_name(EHWPOISON), "EHWPOISON");
	assert_null(err_errno_name(0));
}

static void unknown_errno_is_no_crash(void **state)
{
	struct err e;

	(void)state;
	assert_null(err_errno_name(99999));
	assert_int_equal(err_os(&e, 99999, "x"), -1);
	assert_string_equal(e.msg, "x: unknown error");
}

static void every_macro_fills_kind_errno_and_message(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_usage(&e, "no %s", "word"), -1);
	assert_int_equal(e.kind, ERR_USAGE);
	assert_int_equal(e.os_errno, 0);
	assert_string_equal(e.msg, "no word");
	assert_int_equal(err_range(&e, "r"), -1);
	assert_int_equal(e.kind, ERR_RANGE);
	assert_int_equal(err_state(&e, "s"), -1);
	assert_int_equal(e.kind, ERR_STATE);
	assert_int_equal(err_unsupported(&e, "u"), -1);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_int_equal(err_kvm(&e, EFAULT, "run"), -1);
	assert_int_equal(e.kind, ERR_KVM);
	assert_int_equal(e.os_errno, EFAULT);
	assert_string_equal(e.msg, "run: Bad address");
	assert_int_equal(err_os(&e, ENOENT, "open %d", 7), -1);
	assert_int_equal(e.kind, ERR_OS);
	assert_string_equal(e.msg, "open 7: No such file or directory");
}

static void message_too_long_is_cut_and_terminated(void **state)
{
	char big[1000];
	struct err e;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	assert_int_equal(err_os(&e, ENOENT, "%s", big), -1);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	big[sizeof(e.msg) - 4] = 0;
	assert_int_equal(err_os(&e, ENOENT, "%s", big), -1);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
}

static void caller_that_wants_no_message_gets_minus_one(void **state)
{
	(void)state;
	assert_int_equal(err_usage(NULL, "%d", 1), -1);
	assert_int_equal(err_os(NULL, EIO, "x"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_has_its_word_of_the_protocol),
		cmocka_unit_test(errno_is_named_and_zero_has_no_name),
		cmocka_unit_test(unknown_errno_is_no_crash),
		cmocka_unit_test(every_macro_fills_kind_errno_and_message),
		cmocka_unit_test(message_too_long_is_cut_and_terminated),
		cmocka_unit_test(caller_that_wants_no_message_gets_minus_one),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
