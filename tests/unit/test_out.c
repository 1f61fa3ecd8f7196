// SPDX-License-Identifier: GPL-2.0-only
/* In a process of its own: it has one stdout and one stderr. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "base/err.h"
#include "base/out.h"

struct printer {
	pid_t pid;
	int out, err; /* to read from */
};

/* Run @fn with its stdout and stderr as pipes, the same one if @same. */
static struct printer print(void (*fn)(void), bool same)
{
	struct printer p;
	int out[2], err[2];

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (!p.pid) {
		dup2(out[1], STDOUT_FILENO);
		dup2(same ? out[1] : err[1], STDERR_FILENO);
		if (!out_start(1))
			fn();
		_exit(0);
	}
	close(out[1]);
	close(err[1]);
	p.out = out[0];
	p.err = err[0];
	return p;
}

/* All that comes; free it. */
static char *rest(int fd)
{
	size_t len = 0, cap = 1 << 20;
	char *text = malloc(cap + 1);
	ssize_t n;

	assert_non_null(text);
	while ((n = read(fd, text + len, cap - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	return text;
}

static void over(struct printer *p)
{
	int status;

	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
}

/* ---- what it prints ------------------------------------------------------ */

static void print_three(void)
{
	out_guest("one ", 4);
	warn("two");
	out_guest("three", 5);
	warn_lines("  four\n");
	out_finish();
	warn("too late");
}

static void all_is_there_at_the_end_each_on_its_file(void **state)
{
	struct printer p = print(print_three, false);
	char *out = rest(p.out), *err = rest(p.err);

	(void)state;
	over(&p);
	assert_string_equal(out, "one three");
	assert_string_equal(err, "gpcvm: two\n  four\n");
	free(out);
	free(err);
}

static void on_one_file_the_order_stays(void **state)
{
	struct printer p = print(print_three, true);
	char *out = rest(p.out);

	(void)state;
	over(&p);
	assert_string_equal(out, "one gpcvm: two\nthree  four\n");
	free(out);
	close(p.err);
}

#define MANY 3000

/* More than the buffer and a pipe take, and no wait. */
static void print_many(void)
{
	char x[101];

	memset(x, 'x', 100);
	x[100] = '\0';
	for (int i = 0; i < MANY; i++)
		warn("%d %s", i, x);
	out_guest("now", 3);
	out_finish();
}

static void dropped_messages_are_counted_where_they_are_missing(void **state)
{
	struct printer p = print(print_many, false);
	unsigned int seen = 0, dropped = 0, n;
	char now[3], *err, *line, *at;

	(void)state;
	/* It got as far as this without a reader of stderr. */
	assert_int_equal(read(p.out, now, 3), 3);
	err = rest(p.err);
	for (at = err; (line = strsep(&at, "\n")) && *line;) {
		assert_memory_equal(line, "gpcvm: ", 7);
		n = (unsigned int)strtoul(line + 7, NULL, 10);
		if (strstr(line, "dropped: nobody")) {
			dropped += n;
			continue;
		}
		assert_int_equal(n, seen + dropped);
		seen++;
	}
	over(&p);
	assert_true(dropped > 0);
	assert_int_equal(seen + dropped, MANY);
	free(err);
	close(p.out);
}

static void print_too_much(void)
{
	static char page[4096];
	char full;

	memset(page, 'x', sizeof(page));
	while (!out_full())
		out_guest(page, sizeof(page));
	full = out_full() ? 'f' : '-';
	if (write(STDERR_FILENO, &full, 1) != 1)
		_exit(1);
	while (out_full())
		poll(NULL, 0, 1);
	out_guest("end", 3);
	out_finish();
}

static void output_waits_for_a_late_reader_and_is_whole(void **state)
{
	struct printer p = print(print_too_much, false);
	char full, *out, *err;
	size_t len;

	(void)state;
	assert_int_equal(read(p.err, &full, 1), 1);
	assert_int_equal(full, 'f');
	out = rest(p.out);
	len = strlen(out);
	assert_true(len > 256 << 10);
	assert_int_equal(len % 4096, 3);
	assert_string_equal(out + len - 3, "end");
	err = rest(p.err);
	assert_string_equal(err, "");
	over(&p);
	free(out);
	free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_there_at_the_end_each_on_its_file),
		cmocka_unit_test(on_one_file_the_order_stays),
		cmocka_unit_test(
			dropped_messages_are_counted_where_they_are_missing),
		cmocka_unit_test(output_waits_for_a_late_reader_and_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
