// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's delays, with files that stand for those of debugfs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "host/delay.h"

static char dir[] = "/tmp/gpcvm-delay-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static unsigned int get(const char *name)
{
	char path[64], text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	return (unsigned int)strtoul(text, NULL, 10);
}

static int fill(void **state)
{
	(void)state;
	put("delay_refresh", "0\n");
	put("delay_invalidate", "7\n");
	put("delay_unmap", "0\n");
	put("hit_refresh", "10\n");
	put("hit_invalidate", "20\n");
	put("hit_unmap", "-3\n");
	return 0;
}

static void what_was_set_is_put_back(void **state)
{
	struct delays d;
	struct err e;

	(void)state;
	delays_open(&d, dir);
	assert_int_equal(delays_check(&d, &e), 0);
	assert_int_equal(delays_set(&d, DELAY_REFRESH, 1000000, &e), 0);
	assert_int_equal(delays_set(&d, DELAY_INVALIDATE, 0, &e), 0);
	assert_int_equal(get("delay_refresh"), 1000000);
	assert_int_equal(get("delay_invalidate"), 0);
	assert_int_equal(delays_close(&d, &e), 0);
	assert_int_equal(get("delay_refresh"), 0);
	assert_int_equal(get("delay_invalidate"), 7);
	assert_int_equal(get("delay_unmap"), 0);
}

static void nothing_is_written_by_who_set_nothing(void **state)
{
	struct delays d;
	struct err e;

	(void)state;
	delays_open(&d, dir);
	put("delay_unmap", "5\n"); /* somebody else */
	assert_int_equal(delays_close(&d, &e), 0);
	assert_int_equal(get("delay_unmap"), 5);
}

static void hits_count_from_when_it_was_set(void **state)
{
	struct delays d;
	uint32_t us, hits;
	struct err e;

	(void)state;
	delays_open(&d, dir);
	put("hit_refresh", "12\n");
	put("hit_unmap", "1\n");
	assert_int_equal(delays_get(&d, DELAY_REFRESH, &us, &hits, &e), 0);
	assert_int_equal(hits, 2);
	assert_int_equal(delays_get(&d, DELAY_UNMAP, &us, &hits, &e), 0);
	assert_int_equal(hits, 4);
	assert_int_equal(delays_set(&d, DELAY_REFRESH, 5, &e), 0);
	put("hit_refresh", "13\n");
	assert_int_equal(delays_get(&d, DELAY_REFRESH, &us, &hits, &e), 0);
	assert_int_equal(us, 5);
	assert_int_equal(hits, 1);
	assert_int_equal(delays_close(&d, &e), 0);
}

static void two_do_not_set_them_at_once(void **state)
{
	struct delays a, b;
	struct err e;

	(void)state;
	delays_open(&a, dir);
	delays_open(&b, dir);
	assert_int_equal(delays_set(&a, DELAY_UNMAP, 100, &e), 0);
	assert_int_equal(delays_set(&b, DELAY_REFRESH, 200, &e), -1);
	assert_int_equal(e.kind, ERR_STATE);
	assert_int_equal(get("delay_refresh"), 0);
	assert_int_equal(delays_close(&a, &e), 0);
	assert_int_equal(delays_set(&b, DELAY_REFRESH, 200, &e), 0);
	assert_int_equal(delays_close(&b, &e), 0);
	assert_int_equal(get("delay_unmap"), 0);
}

static void a_kernel_without_them_says_what_it_takes(void **state)
{
	uint32_t us, hits;
	struct delays d;
	struct err e;
	char path[64];

	(void)state;
	delays_open(&d, "/tmp/gpcvm-no-such-directory");
	assert_int_equal(delays_set(&d, DELAY_UNMAP, 0, &e), -1);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(e.msg, "CONFIG_KVM_GPC_TEST"));
	assert_int_equal(delays_get(&d, DELAY_UNMAP, &us, &hits, &e), -1);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_int_equal(delays_close(&d, &e), 0);

	snprintf(path, sizeof(path), "%s/hit_unmap", dir);
	unlink(path);
	delays_open(&d, dir);
	assert_int_equal(delays_check(&d, &e), -1);
	assert_int_equal(e.kind, ERR_UNSUPPORTED);
	assert_int_equal(delays_close(&d, &e), 0);
}

static void what_is_no_number_is_not_taken_for_one(void **state)
{
	struct delays d;
	struct err e;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		put("hit_refresh", i ? "" : "1 [x]\n");
		delays_open(&d, dir);
		assert_int_equal(delays_check(&d, &e), -1);
		assert_int_equal(e.kind, ERR_UNSUPPORTED);
		assert_non_null(strstr(e.msg, "hit_refresh"));
		assert_int_equal(delays_close(&d, &e), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_set_is_put_back, fill),
		cmocka_unit_test_setup(nothing_is_written_by_who_set_nothing,
				       fill),
		cmocka_unit_test_setup(hits_count_from_when_it_was_set, fill),
		cmocka_unit_test_setup(two_do_not_set_them_at_once, fill),
		cmocka_unit_test_setup(a_kernel_without_them_says_what_it_takes,
				       fill),
		cmocka_unit_test_setup(what_is_no_number_is_not_taken_for_one,
				       fill),
	};
	static const char *const kinds[] = { "delay", "hit" };
	char path[64];
	int r;

	if (!mkdtemp(dir))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	for (unsigned int i = 0; i < 2 * DELAYS; i++) {
		snprintf(path, sizeof(path), "%s/%s_%s", dir, kinds[i % 2],
			 delay_name(i / 2));
		unlink(path);
	}
	rmdir(dir);
	return r;
}
