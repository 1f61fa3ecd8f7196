// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "ctl/ctl.h"
#include "ctl/ctl_shell.h"
#include "ctl/ctl_status.h"

#define MAX_WAIT_S 86400

static const char usage[] =
	"Usage: gpcvm ctl [--wait SECONDS] [--json] PATH [COMMAND...]\n"
	"Send commands to the gpcvm that runs with --control PATH.\n"
	"\n"
	"  --wait SECONDS  retry connecting for up to SECONDS\n"
	"  --json          at the prompt, print replies as JSON\n"
	"  --help          print this and exit\n"
	"\n"
	"The words of COMMAND form one command; a word \";\" starts another.\n"
	"Words with blanks are sent in double quotes, except a single word,\n"
	"which is sent unchanged. Replies are printed as lines of JSON.\n"
	"Without COMMAND, a terminal gets a prompt (Ctrl-D or \"exit\" leaves\n"
	"it, \"quit\" ends the machine). Otherwise commands are read from\n"
	"standard input, one per line; empty lines and # comments are skipped.\n"
	"\n"
	"Exit status: 0 success, 1 a command failed, 2 usage error, 3 no\n"
	"connection, or it was lost.\n"
	"\n"
	"Examples:\n"
	"  gpcvm ctl /tmp/vm punch clock0 \\; check clock0\n"
	"  gpcvm ctl --wait 5 /tmp/vm status\n"
	"  gpcvm ctl /tmp/vm < commands.txt\n"
	"  gpcvm ctl /tmp/vm\n";

struct ctl_options {
	unsigned int wait_s;
	bool json, help;
};

static int parse_options(int argc, char **argv, struct ctl_options *o,
			 struct err *e)
{
	static const struct option longs[] = {
		{ "wait", required_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	uint64_t seconds;
	int c;

	*o = (struct ctl_options){ 0 };
	optind = 0; /* main() may have called it before (getopt(3)) */
	opterr = 0;
	/* '+': do not parse the words of a command as options */
	while ((c = getopt_long(argc, argv, "+:h", longs, NULL)) != -1) {
		switch (c) {
		case 'w':
			if (num_parse_range(optarg, "--wait", 0, MAX_WAIT_S,
					    &seconds, e))
				return -1;
			o->wait_s = (unsigned int)seconds;
			break;
		case 'j':
			o->json = true;
			break;
		case 'h':
			o->help = true;
			return 0;
		case ':':
			return err_usage(
				e, "ctl: %s needs a value: --wait SECONDS",
				argv[optind - 1]);
		default:
			return err_usage(
				e,
				"ctl: unknown option %s (see gpcvm ctl --help)",
				argv[optind - 1]);
		}
	}
	if (optind >= argc)
		return err_usage(
			e, "ctl: missing argument: the PATH of the control "
			   "socket (see gpcvm ctl --help)");
	return 0;
}

/* Print the lines received. Returns true if one is an error reply. */
static bool print_replies(struct ctl_link *l)
{
	bool failed = false;
	const char *line;
	size_t n;

	while ((line = link_line(l, &n))) {
		enum reply_kind kind = link_account(l, line, n);

		failed |= kind == REPLY_FAILED || kind == REPLY_BAD;
		reply_print(stdout, line, n);
	}
	/* flush: the reader may be a program that waits for it */
	fflush(stdout);
	return failed;
}

/* Read and print what has arrived. Returns -1 without memory. */
static int receive_replies(struct ctl_link *l, bool *failed)
{
	if (link_fill(l)) {
		warn("%s", link_trouble(l));
		return -1;
	}
	*failed |= print_replies(l);
	return 0;
}

static int run_one(struct ctl_link *l, const struct ctl_request *q,
		   bool *failed)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };
	int lost = link_send(l, q);

	*failed |= print_replies(l);
	while (!lost && l->waiting && !l->closed) {
		poll(&p, 1, -1);
		if (receive_replies(l, failed))
			return CTL_LOST;
	}
	return lost || l->waiting ? ctl_closed(l) : CTL_OK;
}

static int run_arguments(struct ctl_link *l, int argc, char **argv)
{
	bool failed = false;
	struct ctl_request q;
	int at = 0;
	int ret = CTL_OK;

	while (ret == CTL_OK && request_join(argc, argv, &at, &q, NULL) > 0)
		ret = run_one(l, &q, &failed);
	return ret == CTL_OK && failed ? CTL_FAILED : ret;
}

/* Check all commands before sending the first. */
static int check_arguments(int argc, char **argv, struct err *e)
{
	struct ctl_request q;
	int at = 0;
	int ret;

	do {
		ret = request_join(argc, argv, &at, &q, e);
	} while (ret > 0);
	return ret;
}

/* Read commands from standard input. Each is sent after the
 * reply to the previous one. */
struct input {
	char buf[4 * LINE_MAX_BYTES];
	size_t start, len;
	unsigned long line; /* number, for messages */
	bool eof;
	bool failed;
};

static void read_input(struct input *in)
{
	ssize_t n;

	memmove(in->buf, in->buf + in->start, in->len - in->start);
	in->len -= in->start;
	in->start = 0;
	/* One line: truncate, it is refused anyway. */
	if (in->len == sizeof(in->buf))
		in->len = LINE_MAX_BYTES + 1;
	n = read(STDIN_FILENO, in->buf + in->len, sizeof(in->buf) - in->len);
	if (n > 0)
		in->len += (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		in->eof = true;
		in->failed |= n < 0;
		if (n < 0)
			warn("standard input: %s", strerrordesc_np(errno));
	}
}

/* Return the next line. At end of file it may lack the newline. */
static const char *next_input_line(struct input *in, size_t *n)
{
	char *line = in->buf + in->start;
	char *newline = memchr(line, '\n', in->len - in->start);

	if (!newline && !(in->eof && in->len > in->start))
		return NULL;
	*n = newline ? (size_t)(newline - line) : in->len - in->start;
	in->start += *n + !!newline;
	in->line++;
	return line;
}

/* Send lines until one waits for its reply. Returns a ctl_status. */
static int send_next(struct ctl_link *l, struct input *in)
{
	const char *line;
	struct ctl_request q;
	struct err e;
	size_t n;

	while (!l->waiting && (line = next_input_line(in, &n))) {
		int ret = request_line(line, n, &q, &e);

		if (ret < 0) {
			warn("standard input, line %lu: %s", in->line, e.msg);
			in->failed = true;
		} else if (ret > 0 && link_send(l, &q)) {
			in->failed |= print_replies(l);
			return ctl_closed(l);
		}
	}
	return CTL_OK;
}

static int run_input(struct ctl_link *l)
{
	struct input in = { 0 };

	for (;;) {
		int ret = send_next(l, &in);
		bool idle = !l->waiting;
		struct pollfd p[] = {
			{ .fd = l->fd, .events = POLLIN },
			{ .fd = idle && !in.eof ? STDIN_FILENO : -1,
			  .events = POLLIN },
		};

		if (ret != CTL_OK)
			return ret;
		if (idle && in.eof && in.start == in.len)
			return in.failed ? CTL_FAILED : CTL_OK;
		if (l->closed) {
			ret = ctl_closed(l);
			return ret == CTL_OK && in.failed ? CTL_FAILED : ret;
		}
		poll(p, 2, -1);
		if (p[1].revents)
			read_input(&in);
		if (p[0].revents && receive_replies(l, &in.failed))
			return CTL_LOST;
	}
}

int ctl_main(int argc, char **argv)
{
	struct ctl_options o;
	struct ctl_link l;
	struct err e;
	int ret;

	if (parse_options(argc, argv, &o, &e))
		goto fail;
	if (o.help) {
		fputs(usage, stdout);
		return CTL_OK;
	}
	argc -= optind + 1;
	argv += optind + 1;
	if (check_arguments(argc, argv, &e) ||
	    link_open(&l, argv[-1], o.wait_s, &e))
		goto fail;
	if (argc)
		ret = run_arguments(&l, argc, argv);
	else if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		ret = ctl_shell(&l, argv[-1], o.json);
	else
		ret = run_input(&l);
	link_close(&l);
	if (ret == CTL_OK && (fflush(stdout) || ferror(stdout))) {
		warn("writing a reply to standard output failed");
		ret = CTL_FAILED;
	}
	return ret;

fail:
	warn_err(&e);
	return e.kind == ERR_USAGE || e.kind == ERR_RANGE ? CTL_USAGE
							  : CTL_LOST;
}
