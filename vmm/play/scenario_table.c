// SPDX-License-Identifier: GPL-2.0-only
/* The statements of the scenario language and their arguments. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/json_path.h"
#include "base/num.h"
#include "base/text.h"
#include "config/config.h"
#include "config/options.h"
#include "play/scenario.h"
#include "play/scenario_need.h"
#include "play/scenario_run.h"

#define MAX_ERRNO 133 /* EHWPOISON, the last of them */

/* Refuse abbreviations, and options that a scenario may not use. */
static int check_vm_words(const struct stmt *s, int *bad, struct err *e)
{
	static const char *const not_here[] = { "--control", "--dump-dtb",
						"--scenario" };

	for (int i = 0; i < s->argc; i++) {
		*bad = i + 1;
		if (!run_is_option(s->argv[i]))
			return err_usage(e,
					 "vm: %.64s is an abbreviation: "
					 "expected the whole option",
					 s->argv[i]);
		for (size_t k = 0; k < ARRAY_SIZE(not_here); k++)
			if (!strncmp(s->argv[i], not_here[k],
				     strlen(not_here[k])))
				return err_usage(e,
						 "vm: %s is not allowed in a "
						 "scenario",
						 not_here[k]);
	}
	return 0;
}

static int parse_vm(struct stmt *s, int *bad, struct err *e)
{
	/* For run_parse(), which reorders it: with a name before, and a NULL. */
	char *argv[LINE_MAX_WORDS + 1] = { "run" };
	int r;

	s->cfg = malloc(sizeof(*s->cfg));
	if (!s->cfg)
		return err_os(e, ENOMEM, "vm");
	memcpy(argv + 1, s->argv, (size_t)s->argc * sizeof(*argv));
	r = run_parse(s->argc + 1, argv, s->cfg, e);
	/* getopt() has gone past the word that it refused. */
	*bad = optind - 1 < s->argc ? optind - 1 : s->argc;
	if (r > 0)
		return err_usage(e,
				 "vm: --help and --version start no machine");
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
			 "expect-error: unknown kind or errno \"%.32s\": "
			 "expected usage, range, state, "
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
	if (event_type_find(s->argv[0], strlen(s->argv[0])) < 0)
		return err_usage(e,
				 "wait: unknown type of event \"%.32s\": "
				 "expected control, exit, guest, kernel, "
				 "machine, model, or end",
				 s->argv[0]);
	*bad = 0;
	if (s->argc < 2)
		return err_usage(e, "wait %.32s: missing argument: TEXT",
				 s->argv[0]);
	return 0;
}

#define EXPECT (STMT_REPLY | STMT_DIRECT)

const struct statement statements[] = {
	{ "need", "CAP...",
	  "skip the scenario unless the host has all of these",
	  "CAP is a row of gpcvm probe, which has to be yes; not:ROW, which must "
	  "not be yes; kernel>=X.Y (or another operator of expect but ~); or "
	  "cpus>=N. The reason in the row becomes the reason of the skip.",
	  1, LINE_MAX_WORDS, STMT_TOP | STMT_FIRST, parse_need, run_need },
	{ "vm", "[OPTION]...",
	  "start a machine with these options of gpcvm run",
	  "Ends the current machine first, and waits until the guest is ready. A "
	  "machine that cannot be started fails the scenario: use need to skip it.",
	  0, LINE_MAX_WORDS, STMT_TOP, parse_vm, run_vm },
	{ "expect", "FIELD OP VALUE",
	  "fail unless this holds for a field of the last reply",
	  "FIELD is a path with dots; it chooses an element of an array by its "
	  "number or its member name, or every element by *: there has to be one. "
	  "OP is = != < <= > >= or ~, which means contains.",
	  3, 3, STMT_REPLY, parse_expect, run_expect },
	{ "expect-error", "KIND|ERRNO",
	  "fail unless the command before failed in this way",
	  "Stands directly after the command. Several may follow one another; all "
	  "have to hold.",
	  1, 1, EXPECT, parse_expect_error, run_expect_error },
	{ "expect-disagreement", "[TEXT]",
	  "fail unless the reply has a disagreement that contains TEXT",
	  "Stands directly after the command.", 0, 1, EXPECT, NULL,
	  run_expect_disagreement },
	{ "expect-kernel", "TEXT",
	  "fail unless the host's kernel wrote a message that contains TEXT",
	  "Waits for a message of level WARNING or worse since the last vm or "
	  "expect-kernel. No message that contains TEXT fails the scenario then, "
	  "not even an earlier one.",
	  1, 1, 0, NULL, run_expect_kernel },
	{ "expect-fail", "TEXT",
	  "pass only if the scenario fails with TEXT in the reason",
	  "Use it to show that a fault is noticed. A time-out, an interrupt and a "
	  "skip stay what they are.",
	  1, 1, STMT_TOP | STMT_FIRST, NULL, run_expect_fail },
	{ "repeat", "N", "run the statements up to end N times", NULL, 1, 1,
	  STMT_OPENS, parse_repeat, run_repeat },
	{ "parallel", "", "run the branches up to end at the same time",
	  "Each branch has a connection of its own and ends with its last reply. "
	  "If one fails, the others are cancelled.",
	  0, 0, STMT_TOP | STMT_MACHINE | STMT_OPENS, NULL, run_parallel },
	{ "and", "", "begin the next branch of parallel", NULL, 0, 0,
	  STMT_OPENS | STMT_CLOSES, NULL, NULL },
	{ "end", "", "end repeat or parallel", NULL, 0, 0, STMT_CLOSES, NULL,
	  NULL },
	{ "wait", "TYPE TEXT | end [STATUS]",
	  "wait for an event of TYPE that contains TEXT",
	  "Looks at events since the start of the machine, or after the event that "
	  "the last wait found. wait end waits for the end of the machine, with "
	  "exit status STATUS (0).",
	  1, 2, STMT_MACHINE | STMT_WAITS, parse_wait, run_wait },
	{ "sleep", "MS", "wait for MS milliseconds", NULL, 1, 1, 0, parse_sleep,
	  run_sleep },
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
