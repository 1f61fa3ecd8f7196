// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "unit.h"
#include "boot/cpio.h"

/* Field @n, from 0, of the header at @at. */
static unsigned long field(const struct cpio *c, size_t at, unsigned int n)
{
	char digits[9] = "";

	memcpy(digits, c->buf + at + 6 + 8UL * n, 8);
	return strtoul(digits, NULL, 16);
}

enum { MODE = 1, SIZE = 6, NAME_SIZE = 11 };

/* The entry at *at as it has to be; *at becomes that of the next. */
static void is_entry(const struct cpio *c, size_t *at, const char *name,
		     unsigned long mode, const char *data)
{
	size_t body = (*at + 110 + strlen(name) + 1 + 3) & ~3UL;

	assert_true(body <= c->len);
	assert_memory_equal(c->buf + *at, "070701", 6);
	assert_int_equal(field(c, *at, MODE), mode);
	assert_int_equal(field(c, *at, SIZE), strlen(data));
	assert_int_equal(field(c, *at, NAME_SIZE), strlen(name) + 1);
	assert_string_equal((const char *)c->buf + *at + 110, name);
	assert_memory_equal(c->buf + body, data, strlen(data));
	*at = (body + strlen(data) + 3) & ~3UL;
}

static void what_was_added_stands_in_it_aligned(void **state)
{
	struct cpio c = { 0 };
	size_t at = 0;

	(void)state;
	cpio_add(&c, "bin", S_IFDIR | 0755, NULL, 0);
	cpio_add(&c, "bin/a", S_IFREG | 0755, "12345", 5);
	cpio_add(&c, "bin/link", S_IFLNK | 0777, "a", 1);
	assert_int_equal(cpio_finish(&c), 0);
	is_entry(&c, &at, "bin", S_IFDIR | 0755, "");
	is_entry(&c, &at, "bin/a", S_IFREG | 0755, "12345");
	is_entry(&c, &at, "bin/link", S_IFLNK | 0777, "a");
	is_entry(&c, &at, "TRAILER!!!", 0, "");
	assert_int_equal(at, c.len);
	free(c.buf);
}

static void each_file_has_an_inode_of_its_own(void **state)
{
	struct cpio c = { 0 };

	(void)state;
	cpio_add(&c, "a", S_IFREG | 0644, NULL, 0);
	cpio_add(&c, "b", S_IFREG | 0644, NULL, 0);
	assert_int_equal(field(&c, 0, 0), 1);
	assert_int_equal(field(&c, 112, 0), 2);
	assert_int_equal(cpio_finish(&c), 0);
	free(c.buf);
}

static void a_name_that_is_too_long_fails_and_leaves_nothing(void **state)
{
	struct cpio c = { 0 };
	char name[200];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cpio_add(&c, "a", S_IFREG | 0644, "x", 1);
	cpio_add(&c, name, S_IFREG | 0644, "x", 1);
	assert_int_equal(cpio_finish(&c), -1);
	assert_null(c.buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_stands_in_it_aligned),
		cmocka_unit_test(each_file_has_an_inode_of_its_own),
		cmocka_unit_test(
			a_name_that_is_too_long_fails_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
