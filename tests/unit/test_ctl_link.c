// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"
#include "ctl/ctl_link.h"

struct pair {
	struct ctl_link l;
	int machine;
	char dir[32];
	char path[64];
};

static int start(void **state)
{
	static struct pair p;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return -1;
	p = (struct pair){ .l.fd = sv[0], .machine = sv[1] };
	snprintf(p.dir, sizeof(p.dir), "/tmp/gpcvm-unit-XXXXXX");
	if (!mkdtemp(p.dir))
		return -1;
	snprintf(p.path, sizeof(p.path), "%s/s", p.dir);
	*state = &p;
	return 0;
}

static int finish(void **state)
{
	struct pair *p = *state;

	link_close(&p->l);
	if (p->machine >= 0)
		close(p->machine);
	unlink(p->path);
	return rmdir(p->dir);
}

static void machine_says(struct pair *p, const char *s)
{
	assert_int_equal(write(p->machine, s, strlen(s)), strlen(s));
}

static void machine_goes(struct pair *p)
{
	close(p->machine);
	p->machine = -1;
}

static void send_word(struct pair *p, const char *word)
{
	struct ctl_request q;

	assert_int_equal(request_line(word, strlen(word), &q, NULL), 1);
	assert_int_equal(link_send(&p->l, &q), 0);
}

static enum reply_kind take(struct pair *p, const char *want)
{
	const char *line;
	size_t n;

	assert_int_equal(link_fill(&p->l), 0);
	line = link_line(&p->l, &n);
	assert_non_null(line);
	assert_string_equal(line, want);
	assert_int_equal(n, strlen(want));
	return link_account(&p->l, line, n);
}

static void request_goes_out_as_one_line(void **state)
{
	struct pair *p = *state;
	char got[64] = "";

	send_word(p, "punch clock0");
	assert_int_equal(read(p->machine, got, sizeof(got) - 1), 13);
	assert_string_equal(got, "punch clock0\n");
	assert_int_equal(p->l.waiting, 1);
}

static void line_in_pieces_is_put_together(void **state)
{
	struct pair *p = *state;
	size_t n;

	machine_says(p, "{\"ok\":");
	link_fill(&p->l);
	assert_null(link_line(&p->l, &n));
	machine_says(p, "true}\n{\"ok\"");
	assert_int_equal(take(p, "{\"ok\":true}"), REPLY_OK);
	assert_null(link_line(&p->l, &n));
	machine_says(p, ":false}\n\n");
	assert_int_equal(take(p, "{\"ok\":false}"), REPLY_FAILED);
	assert_int_equal(take(p, ""), REPLY_BAD);
	assert_null(link_line(&p->l, &n));
}

static void reply_of_any_length_comes_whole(void **state)
{
	struct pair *p = *state;
	const size_t big = 300000;
	char piece[1000];
	const char *line;
	size_t n;

	memset(piece, 'x', sizeof(piece));
	for (size_t i = 0; i < big; i += sizeof(piece)) {
		assert_int_equal(write(p->machine, piece, sizeof(piece)),
				 sizeof(piece));
		link_fill(&p->l);
		assert_null(link_line(&p->l, &n));
	}
	machine_says(p, "\n");
	link_fill(&p->l);
	line = link_line(&p->l, &n);
	assert_non_null(line);
	assert_int_equal(n, big);
	assert_int_equal(strspn(line, "x"), big);
}

static void event_is_not_taken_for_the_reply(void **state)
{
	struct pair *p = *state;

	send_word(p, "a");
	send_word(p, "b");
	machine_says(p, "{\"event\":\"e\"}\n{\"ok\":true,\"cmd\":\"a\"}\n");
	assert_int_equal(take(p, "{\"event\":\"e\"}"), REPLY_EVENT);
	assert_int_equal(p->l.waiting, 2);
	assert_int_equal(take(p, "{\"ok\":true,\"cmd\":\"a\"}"), REPLY_OK);
	assert_int_equal(p->l.waiting, 1);
}

static void lines_before_the_end_are_read_and_half_a_line_is_not(void **state)
{
	struct pair *p = *state;
	size_t n;

	machine_says(p, "{\"ok\":true}\n{\"ok");
	machine_goes(p);
	take(p, "{\"ok\":true}");
	link_fill(&p->l);
	assert_null(link_line(&p->l, &n));
	assert_true(p->l.closed);
	assert_int_equal(link_fill(&p->l), 0);
}

static void lost_connection_is_an_error_and_no_sigpipe(void **state)
{
	struct pair *p = *state;
	struct ctl_request q = { .text = "a", .len = 1 };

	machine_goes(p);
	assert_int_equal(link_send(&p->l, &q), -1);
	assert_true(p->l.closed);
	assert_int_equal(p->l.waiting, 0);
}

static void only_quit_as_the_last_answer_excuses_the_end(void **state)
{
	struct pair *p = *state;

	send_word(p, "quit");
	assert_false(p->l.quit_answered);
	machine_says(p, "{\"ok\":false,\"cmd\":\"quit\"}\n");
	take(p, "{\"ok\":false,\"cmd\":\"quit\"}");
	assert_false(p->l.quit_answered);
	send_word(p, "quit");
	machine_says(p, "{\"ok\":true,\"cmd\":\"quit\"}\n");
	take(p, "{\"ok\":true,\"cmd\":\"quit\"}");
	assert_true(p->l.quit_answered);
	send_word(p, "status");
	assert_false(p->l.quit_answered);
}

static void assert_no_link(const char *path, enum err_kind kind,
			   const char *hint)
{
	struct ctl_link l;
	struct err e = { 0 };

	assert_int_equal(link_open(&l, path, 0, &e), -1);
	assert_int_equal(e.kind, kind);
	assert_non_null(strstr(e.msg, hint));
	assert_int_equal(l.fd, -1);
}

static int listen_at(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void every_reason_not_to_connect_has_its_message(void **state)
{
	struct pair *p = *state;
	char path[200];

	assert_no_link(p->path, ERR_STATE, "--control");
	close(listen_at(p->path));
	assert_no_link(p->path, ERR_STATE, "nobody listens");
	assert_no_link(p->dir, ERR_STATE, "not a socket");
	assert_no_link("", ERR_USAGE, "empty");
	memset(path, 'p', sizeof(path));
	path[sizeof(((struct sockaddr_un *)0)->sun_path)] = 0;
	assert_no_link(path, ERR_USAGE, "107");
}

static void socket_that_listens_is_connected_to(void **state)
{
	struct pair *p = *state;
	int fd = listen_at(p->path);
	struct ctl_link l;

	assert_int_equal(link_open(&l, p->path, 0, NULL), 0);
	link_close(&l);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(request_goes_out_as_one_line),
		TEST(line_in_pieces_is_put_together),
		TEST(reply_of_any_length_comes_whole),
		TEST(event_is_not_taken_for_the_reply),
		TEST(lines_before_the_end_are_read_and_half_a_line_is_not),
		TEST(lost_connection_is_an_error_and_no_sigpipe),
		TEST(only_quit_as_the_last_answer_excuses_the_end),
		TEST(every_reason_not_to_connect_has_its_message),
		TEST(socket_that_listens_is_connected_to),
	};

	return cmocka_run_group_tests_name("ctl_link", tests, NULL, NULL);
}
