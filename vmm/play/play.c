// SPDX-License-Identifier: GPL-2.0-only
/* gpcvm play: scenarios one after another. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "config/guests.h"
#include "play/ktap.h"
#include "play/play.h"
#include "play/scenario_halt.h"

static const char usage[] =
	"Usage: gpcvm play [OPTION]... FILE...\n"
	"Play scenarios, one after another, and say how they went (KTAP).\n"
	"\n"
	"  --json          JSON in place of KTAP: an object a line\n"
	"  --seed N        for the machines, as gpcvm run --seed N\n"
	"  --timeout S     how many seconds one scenario may take (120)\n"
	"  --control PATH  play over the control socket of a machine that runs: vm lines\n"
	"                  start nothing, and the machine goes on\n"
	"  --statements    print the statements of the language as JSON\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 all passed, but for those that were skipped; 1 one failed;\n"
	"2 wrong usage, or a scenario has a syntax error: nothing was played then;\n"
	"4 all were skipped.\n";

int play_list_run(const struct play_list *l, const struct play_options *o,
		  void (*one)(const struct scenario *s,
			      const struct play_options *o,
			      struct outcome *out),
		  bool summary)
{
	struct outcome out = { 0 };
	struct ktap k;

	halt_block_signals();
	signal(SIGPIPE, SIG_IGN);
	ktap_begin(&k, o->json, l->nr);
	/* Where nobody reads the results, none are made. */
	for (unsigned int i = 0;
	     i < l->nr && !out.interrupted && !k.write_errno; i++) {
		ktap_progress(&k, l->all[i].name);
		one(&l->all[i], o, &out);
		ktap_result(&k, l->all[i].name, &out);
		outcome_free(&out);
	}
	return ktap_end(&k, summary);
}

/* The table, for those who write the manual. */
static int put_statements(void)
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

int play_main(int argc, char **argv, const struct command_table *commands)
{
	struct play_list l = { 0 };
	struct play_options o;
	char name[PATH_MAX];
	int status;

	if (argc == 2 && !strcmp(argv[1], "--statements"))
		return put_statements();
	status = play_parse(argc, argv, "play", usage, &o);
	if (status >= 0)
		return status;
	for (int i = optind; i < argc; i++)
		play_add(&l,
			 &(struct scenario_source){
				 argv[i],
				 play_name(argv[i], name, sizeof(name)),
				 o.control ? MACHINE_RUNNING : MACHINE_OF_FILE,
				 commands });
	if (l.wrong)
		status = STATUS_USAGE;
	else if (play_list_unique(&l))
		status = STATUS_FAILED;
	else
		status = play_list_run(&l, &o, scenario_play, false);
	play_list_free(&l);
	return status;
}

/* The words that are the machine's own: without --scenario FILE, and without
 * --control PATH. They are found by where getopt() had the values from. */
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
	struct play_list l = { 0 };
	struct play_options o;
	char name[PATH_MAX];
	int status;

	if (argc > LINE_MAX_WORDS) {
		warn("--scenario: more than %d words of options",
		     LINE_MAX_WORDS);
		return STATUS_USAGE;
	}
	if (cfg->dump_dtb) {
		warn("--scenario and --dump-dtb: only one of them");
		return STATUS_USAGE;
	}
	o = (struct play_options){
		.limit_s = PLAY_LIMIT_S,
		.given = true,
		.argv = calloc((size_t)argc, sizeof(*argv)),
		.given_control = cfg->control,
		.given_agent = guest_has_agent(cfg->guest),
	};
	if (!o.argv) {
		warn("out of memory");
		return STATUS_FAILED;
	}
	o.argc = own_words(argc, argv, cfg, o.argv);
	play_add(&l, &(struct scenario_source){
			     cfg->scenario,
			     play_name(cfg->scenario, name, sizeof(name)),
			     MACHINE_GIVEN, commands });
	status = l.wrong ? STATUS_USAGE
			 : play_list_run(&l, &o, scenario_play, false);
	play_list_free(&l);
	free(o.argv);
	return status;
}
