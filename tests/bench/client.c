// SPDX-License-Identifier: GPL-2.0-only
/* The command line of the benchmark's client. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"

static const char usage[] =
	"usage: client [--want TEXT] roundtrip PATH N LINE [BEFORE]...\n"
	"       client [--want TEXT] pipeline PATH N LINE\n"
	"       client [--want TEXT] pair PATH N LINE1 LINE2\n"
	"       client run|line COMMAND [ARG]...\n"
	"roundtrip  one request at a time; each BEFORE is asked first, untimed\n"
	"pipeline   N requests sent as fast as the socket takes them\n"
	"pair       two requests in one write, until both are answered\n"
	"run        time from a command's exec to its end\n"
	"line       the same, and to its first line on stdout\n"
	"A reply that is not ok, or a last one of a round without TEXT, is an error.\n";

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void fail(const char *fmt, ...)
{
	va_list ap;

	fputs("client: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static unsigned int number(const char *s)
{
	char *end;
	unsigned long v = strtoul(s, &end, 10);

	if (*end || end == s || !v || v > 100000000)
		fail("'%s' is not a number from 1 to 100000000", s);
	return (unsigned int)v;
}

static int on_socket(const char *want, int argc, char **argv)
{
	static struct client c;
	const char *mode = argv[0];
	unsigned int n = number(argv[2]);

	c.want = want;
	client_open(&c, argv[1]);
	if (!strcmp(mode, "roundtrip") && argc >= 4)
		client_roundtrip(&c, n, argv + 3, argc - 3);
	else if (!strcmp(mode, "pipeline") && argc == 4)
		client_pipeline(&c, n, argv[3]);
	else if (!strcmp(mode, "pair") && argc == 5)
		client_pair(&c, n, argv + 3);
	else
		fail("no mode '%s' with %d arguments\n%s", mode, argc - 1,
		     usage);
	return 0;
}

int main(int argc, char **argv)
{
	const char *want = NULL;

	argc--, argv++;
	if (argc >= 1 && !strcmp(argv[0], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc >= 2 && !strcmp(argv[0], "--want")) {
		want = argv[1];
		argc -= 2, argv += 2;
	}
	if (argc >= 2 && (!strcmp(argv[0], "run") || !strcmp(argv[0], "line")))
		return client_time(argv + 1, argv[0][0] == 'l');
	if (argc >= 4)
		return on_socket(want, argc, argv);
	fputs(usage, stderr);
	return 2;
}
