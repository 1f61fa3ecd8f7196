// SPDX-License-Identifier: GPL-2.0-only
/* The statements of the scenario language, and what their arguments may be. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_path.h"
#include "base/num.h"
#include "base/text.h"
#include "config/config.h"
#include "config/options.h"
#include "play/scenario.h"
#include "play/scenario_need.h"
#include "play/scenario_run.h"

#define MAX_ERRNO 133 /* EHWPOISON, the last of them */

/* Options that gpcvm run takes and a scenario does not. */
static int check_vm_words(const struct stmt *s, int *bad, struct err *e)
{
	static const char *const not_here[] = { "--control", "--dump-dtb",
						"--scenario" };

	for (int i = 0; i < s->argc; i++) {
		*bad = i + 1;
		if (!run_is_option(s->argv[i]))
			return err_usage(e,
					 "vm: %.64s is short for an option: "
					 "expected all of its name",
					 s->argv[i]);
		for (size_t k = 0; k < ARRAY_SIZE(not_here); k++)
			if (!strncmp(s->argv[i], not_here[k],
				     strlen(not_here[k])))
				return err_usage(e,
						 "vm: %s is not for a "
						 "scenario: expected other "
						 "options of gpcvm-run(1)",
						 not_here[k]);
	}
	return 0;
}

static int parse_vm(struct stmt *s, int *bad, struct err *e)
{
	/* What run_parse() wants: a first word that is none, and a NULL. It
	 * puts them into another order. */
	char *argv[LINE_MAX_WORDS + 1] = { "run" };
	int r;

	s->cfg = malloc(sizeof(*s->cfg));
	if (!s->cfg)
		return err_os(e, ENOMEM, "vm");
	memcpy(argv + 1, s->argv, (size_t)s->argc * sizeof(*argv));
	r = run_parse(s->argc + 1, argv, s->cfg, e);
	/* getopt() stands behind the word that it did not like. */
	*bad = optind - 1 < s->argc ? optind - 1 : s->argc;
	if (r > 0)
		return err_usage(e,
				 "vm: --help and --version start no "
				 "machine: expected options of gpcvm-run(1)");
	if (r < 0) {
		struct err why = *e;

		return err_usage(e, "vm: %.300s", why.msg);
	}
	return check_vm_words(s, bad, e);
}

static int parse_need(struct stmt *s, int *bad, struct err *e)
{
	struct need n;

	for (int i = 0; i < s->argc; i++)
		if (need_parse(s->argv[i], &n, e)) {
			*bad = i + 1;
			return -1;
		}
	return 0;
}

static int parse_expect(struct stmt *s, int *bad, struct err *e)
{
	*bad = 1;
	if (field_check_path(s->argv[0], e))
		return -1;
	*bad = 2;
	return field_parse_op(s->argv[1], &s->op, e);
}

static int parse_expect_error(struct stmt *s, int *bad, struct err *e)
{
	*bad = 1;
	for (int k = ERR_USAGE; k <= ERR_OS; k++)
		if (!strcmp(s->argv[0], err_kind_name((enum err_kind)k)))
			return 0;
	for (int en = 1; en <= MAX_ERRNO; en++)
		if (err_errno_name(en) &&
		    !strcmp(s->argv[0], err_errno_name(en)))
			return 0;
	return err_usage(e,
			 "expect-error: no kind of error or errno "
			 "\"%.32s\": expected usage, range, state, "
			 "unsupported, kvm, os, or a name like EINVAL",
			 s->argv[0]);
}

static int parse_number(struct stmt *s, int arg, const char *what, uint64_t min,
			uint64_t max, struct err *e)
{
	struct err why = { 0 };

	if (!num_parse_range(s->argv[arg], what, min, max, &s->number, &why))
		return 0;
	return err_usage(e, "%.250s: expected a number from %ju to %ju",
			 why.msg, (uintmax_t)min, (uintmax_t)max);
}

static int parse_repeat(struct stmt *s, int *bad, struct err *e)
{
	*bad = 1;
	return parse_number(s, 0, "repeat", 1, SCENARIO_MAX_REPEAT, e);
}

static int parse_sleep(struct stmt *s, int *bad, struct err *e)
{
	*bad = 1;
	return parse_number(s, 0, "sleep", 0, SCENARIO_MAX_MS, e);
}

static int parse_wait(struct stmt *s, int *bad, struct err *e)
{
	*bad = 1;
	if (!strcmp(s->argv[0], "end")) {
		*bad = 2;
		return s->argc > 1 ? parse_number(s, 1, "wait end", 0, 255, e)
				   : 0;
	}
	if (scenario_event_type(s->argv[0], strlen(s->argv[0])) < 0)
		return err_usage(e,
				 "wait: no type of event \"%.32s\": expected "
				 "control, exit, guest, kernel, machine, "
				 "model, or end",
				 s->argv[0]);
	*bad = 0;
	if (s->argc < 2)
		return err_usage(e,
				 "wait %.32s: expected the text that the "
				 "event has",
				 s->argv[0]);
	return 0;
}

#define EXPECT (STMT_REPLY | STMT_DIRECT)

const struct statement statements[] = {
	{ "need", "CAP...",
	  "skip the scenario, unless the kernel has all of them",
	  "CAP is a row of gpcvm probe, which has to be yes, or not:ROW, which "
	  "must not be; kernel>=X.Y (or another of the operators of expect but "
	  "~); cpus>=N. The reason of the row becomes the reason of the skip.",
	  1, LINE_MAX_WORDS, STMT_TOP | STMT_FIRST, parse_need, run_need },
	{ "vm", "[OPTION]...",
	  "start a machine with these options of gpcvm run",
	  "The one that runs is ended first. The next statement comes when the "
	  "guest is ready. A machine that cannot be started fails the scenario: "
	  "need says what it takes.",
	  0, LINE_MAX_WORDS, STMT_TOP, parse_vm, run_vm },
	{ "expect", "FIELD OP VALUE",
	  "what a field of the last reply has to be",
	  "FIELD is a path with dots; an element of an array is chosen by its "
	  "number, by its member name, or * for every one, of which there has "
	  "to be one. OP is = != < <= > >= or ~, which is contains.",
	  3, 3, STMT_REPLY, parse_expect, run_expect },
	{ "expect-error", "KIND|ERRNO",
	  "the command before has to fail, and in that way",
	  "It stands directly behind the command. Several may follow one another: "
	  "all have to hold.",
	  1, 1, EXPECT, parse_expect_error, run_expect_error },
	{ "expect-disagreement", "[TEXT]",
	  "the reply has to have a disagreement, with TEXT in it",
	  "It stands directly behind the command.", 0, 1, EXPECT, NULL,
	  run_expect_disagreement },
	{ "expect-kernel", "TEXT",
	  "the host's kernel has to have written a message with TEXT",
	  "It has to be of level WARNING or worse, and have come since the last "
	  "vm or expect-kernel; it is waited for. From then on no message with "
	  "TEXT fails the scenario, also none from before.",
	  1, 1, 0, NULL, run_expect_kernel },
	{ "expect-fail", "TEXT",
	  "the scenario has to fail, with TEXT in the reason",
	  "For what shows that something broken is noticed: it passes if it fails "
	  "for that reason and no other. A time-out, an interrupt and a skip stay "
	  "what they are.",
	  1, 1, STMT_TOP | STMT_FIRST, NULL, run_expect_fail },
	{ "repeat", "N", "run the statements down to end N times", NULL, 1, 1,
	  STMT_OPENS, parse_repeat, run_repeat },
	{ "parallel", "", "run the branches down to end at the same time",
	  "Each branch has a connection of its own, and is over when its last "
	  "reply is there; where one fails the others are ended.",
	  0, 0, STMT_TOP | STMT_MACHINE | STMT_OPENS, NULL, run_parallel },
	{ "and", "", "inside parallel, begin the next branch", NULL, 0, 0,
	  STMT_OPENS | STMT_CLOSES, NULL, NULL },
	{ "end", "", "end a repeat or parallel", NULL, 0, 0, STMT_CLOSES, NULL,
	  NULL },
	{ "wait", "TYPE TEXT | end [STATUS]",
	  "wait until an event of TYPE has come that has TEXT in it",
	  "It has to be one since the machine's start, or since the event that "
	  "the last wait found. wait end waits until the machine has ended, with exit status STATUS (0).",
	  1, 2, STMT_MACHINE | STMT_WAITS, parse_wait, run_wait },
	{ "sleep", "MS", "wait for so many milliseconds", NULL, 1, 1, 0,
	  parse_sleep, run_sleep },
};

const unsigned int statements_nr = ARRAY_SIZE(statements);

const struct statement statement_command = {
	.name = "command",
	.flags = STMT_MACHINE,
	.run = run_command,
};

const struct statement *statement_find(const char *name)
{
	for (unsigned int i = 0; i < statements_nr; i++)
		if (!strcmp(statements[i].name, name))
			return &statements[i];
	return NULL;
}
