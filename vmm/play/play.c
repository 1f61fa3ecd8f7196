// SPDX-License-Identifier: GPL-2.0-only
/* The command line of gpcvm play, and gpcvm run --scenario. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/status.h"
#include "base/text.h"
#include "config/guests.h"
#include "play/play.h"

#define MAX_LIMIT_S 86400

#ifndef GPCVM_VERSION
#define GPCVM_VERSION "unknown"
#endif

static const char usage[] =
	"Usage: gpcvm play [OPTION]... FILE|DIR...\n"
	"       gpcvm suite [OPTION]... FILE|DIR...\n"
	"Play scenarios one after another and report the results as KTAP. Of each DIR,\n"
	"play the *.scn files in it and below. gpcvm suite is gpcvm play --suite.\n"
	"\n"
	"  --json          print the results as JSON, one object per line\n"
	"  --seed N        start machines with gpcvm run --seed N\n"
	"  --timeout S     fail a scenario that takes more than S seconds (120)\n"
	"  --control PATH  play on the running machine with this control socket: vm\n"
	"                  lines start nothing, and the machine keeps running\n"
	"  --suite         play each scenario in its own process, so that a hang or a\n"
	"                  crash fails that scenario alone; leave directories out of\n"
	"                  names; count passes, failures and skips at the end\n"
	"  --statements    print the statements of the scenario language as JSON\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 all passed or were skipped; 1 a scenario failed; 2 wrong usage or\n"
	"a syntax error, and nothing was played; 4 all were skipped.\n";

/* ---- options ------------------------------------------------------------ */

static int set_play_option(struct play_options *o, int opt, const char *arg,
			   struct err *e)
{
	uint64_t n;

	switch (opt) {
	case 'j':
		o->json = true;
		return 0;
	case 'u':
		o->suite = true;
		return 0;
	case 'c':
		o->control = arg;
		return *arg ? 0 : err_usage(e, "--control \"\": empty path");
	case 's':
		if (num_parse(arg, "--seed", &n, e))
			return -1;
		o->has_seed = true;
		snprintf(o->seed, sizeof(o->seed), "%" PRIu64, n);
		return 0;
	default:
		if (num_parse_range(arg, "--timeout", 1, MAX_LIMIT_S, &n, e))
			return -1;
		o->limit_s = (unsigned int)n;
		return 0;
	}
}

static int refuse_usage(const char *what, const char *why)
{
	warn("%s: %s (see gpcvm %s --help)", what, why, what);
	return STATUS_USAGE;
}

static int refuse_option(char **argv, const char *what, int opt)
{
	char why[200];

	snprintf(why, sizeof(why), "%.120s %s", argv[optind - 1],
		 opt == ':' ? "needs a value"
			    : "is not an option, or takes no value");
	return refuse_usage(what, why);
}

/* Print the table: the manual is written from it. */
static int print_statements(void)
{
	struct json j;
	int r = STATUS_FAILED;

	json_init(&j);
	json_array(&j, NULL);
	for (unsigned int i = 0; i < statements_nr; i++) {
		json_object(&j, NULL);
		json_str(&j, "name", statements[i].name);
		json_str(&j, "args", statements[i].args);
		json_str(&j, "help", statements[i].help);
		if (statements[i].more)
			json_str(&j, "more", statements[i].more);
		json_object_end(&j);
	}
	json_array_end(&j);
	if (json_text(&j) && puts(j.buf) >= 0 && !fflush(stdout))
		r = STATUS_OK;
	else
		warn("play: writing to stdout: %s (is there room?)",
		     strerrordesc_np(errno));
	json_free(&j);
	return r;
}

/* Returns -1 to go on, with optind at the first file, else the exit status. */
static int parse_play_options(int argc, char **argv, const char *what,
			      struct play_options *o)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "seed", required_argument, NULL, 's' },
		{ "timeout", required_argument, NULL, 't' },
		{ "control", required_argument, NULL, 'c' },
		{ "suite", no_argument, NULL, 'u' },
		{ "statements", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct err e;
	int opt;

	optind = 0; /* it may have been used before (getopt(3)) */
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (opt) {
		case 'h':
			fputs(usage, stdout);
			return STATUS_OK;
		case 'V':
			puts("gpcvm " GPCVM_VERSION);
			return STATUS_OK;
		case 'l':
			return print_statements();
		case ':':
		case '?':
			return refuse_option(argv, what, opt);
		default:
			if (set_play_option(o, opt, optarg, &e))
				return refuse_usage(what, e.msg);
		}
	}
	return optind < argc
		       ? -1
		       : refuse_usage(what, "missing argument: FILE or DIR");
}

/* ---- gpcvm play --------------------------------------------------------- */

static int play_as(int argc, char **argv, const char *what, bool suite,
		   const struct command_table *commands)
{
	struct play_options o = { .limit_s = PLAY_LIMIT_S, .suite = suite };
	struct play_list l = { 0 };
	int status = parse_play_options(argc, argv, what, &o);

	if (status >= 0)
		return status;
	for (int i = optind; i < argc; i++)
		play_list_add(&l,
			      &(struct scenario_source){
				      .path = argv[i],
				      .machine = o.control ? MACHINE_RUNNING
							   : MACHINE_OF_FILE,
				      .commands = commands },
			      o.suite);
	status = play_list_run(&l, &o);
	play_list_free(&l);
	return status;
}

int play_main(int argc, char **argv, const struct command_table *commands)
{
	return play_as(argc, argv, "play", false, commands);
}

int suite_main(int argc, char **argv, const struct command_table *commands)
{
	return play_as(argc, argv, "suite", true, commands);
}

/* ---- gpcvm run --scenario ----------------------------------------------- */

/* Copy the command line without --scenario FILE and --control PATH, which are
 * found by the addresses of the values that getopt() returned. */
static int own_words(int argc, char **argv, const struct config *cfg, char **to)
{
	const char *values[] = { cfg->scenario, cfg->control };
	int n = 0;

	for (int i = 1; i < argc; i++) {
		bool drop = false;

		for (int v = 0; v < 2; v++) {
			const char *value = values[v];

			drop |= value && value >= argv[i] &&
				value <= argv[i] + strlen(argv[i]);
			drop |= value && i + 1 < argc && value == argv[i + 1];
		}
		if (!drop)
			to[n++] = argv[i];
	}
	return n;
}

int play_against(int argc, char **argv, const struct config *cfg,
		 const struct command_table *commands)
{
	char *words[LINE_MAX_WORDS];
	struct play_options o = {
		.limit_s = PLAY_LIMIT_S,
		.given = true,
		.argv = words,
		.given_control = cfg->control,
		.given_agent = guest_has_agent(cfg->guest),
	};
	struct play_list l = { 0 };
	int status;

	if (argc > LINE_MAX_WORDS) {
		warn("--scenario: more than %d words of options",
		     LINE_MAX_WORDS);
		return STATUS_USAGE;
	}
	if (cfg->dump_dtb) {
		warn("--scenario and --dump-dtb exclude each other");
		return STATUS_USAGE;
	}
	o.argc = own_words(argc, argv, cfg, words);
	play_list_add(&l,
		      &(struct scenario_source){ .path = cfg->scenario,
						 .machine = MACHINE_GIVEN,
						 .commands = commands },
		      false);
	status = play_list_run(&l, &o);
	play_list_free(&l);
	return status;
}
