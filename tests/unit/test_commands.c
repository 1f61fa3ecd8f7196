// SPDX-License-Identifier: GPL-2.0-only
/* The table of commands, and request lines that need no machine. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "command/commands.h"
#include "control/session.h"
#include "host/kmsg.h"
#include "machine/bus.h"

/* The documented commands: outside clients rely on them. */
static const char *const contract[] = {
	"help",	  "status",   "caps",	   "gpc",  "punch", "allocate",
	"attr",	  "prefault", "poison",	   "slot", "pv",    "poke",
	"check",  "guest",    "vcpu",	   "mem",  "leak",  "storm",
	"record", "log",      "subscribe", "quit",
};

static void every_command_of_the_protocol_is_in_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(contract) / sizeof(contract[0]); i++)
		assert_non_null(command_find(&commands, contract[i]));
}

static void no_two_rows_have_one_name(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < commands.nr; i++)
		assert_ptr_equal(command_find(&commands, commands.rows[i].name),
				 &commands.rows[i]);
}

static void every_row_is_complete_and_one_line(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < commands.nr; i++) {
		const struct command *c = &commands.rows[i];

		assert_non_null(c->fn);
		assert_true(c->help && *c->help && !strchr(c->help, '\n'));
		assert_true(c->min <= c->max);
		assert_true(!c->min || *c->args);
		for (const char *p = c->name; *p; p++)
			assert_true(islower((unsigned char)*p));
	}
}

/* ---- lines -------------------------------------------------------------- */

static struct machine machine;
static struct session session = { .m = &machine, .commands = &commands };

static char *run(const char *line, size_t len, int want)
{
	struct request *rq = calloc(1, sizeof(*rq));
	char *text;

	assert_non_null(rq);
	assert_int_equal(events_init(&machine.events, NULL), 0);
	rq->m = &machine;
	rq->s = &session;
	memcpy(rq->line, line, len);
	assert_int_equal(request_run(rq, len), want);
	text = strdup(json_text(&rq->reply));
	json_free(&rq->reply);
	free(rq);
	events_free(&machine.events);
	return text;
}

static void assert_refused(const char *line, size_t len, const char *kind,
			   const char *word)
{
	char *text = run(line, len, -1);

	assert_non_null(strstr(text, "\"ok\":false"));
	assert_non_null(strstr(text, kind));
	assert_non_null(strstr(text, word));
	free(text);
}

#define REFUSED(line, kind, word)                                              \
	assert_refused(line, sizeof(line) - 1, kind, word)

static void bad_lines_get_a_failure_that_says_why(void **state)
{
	(void)state;
	REFUSED("", "usage", "empty");
	REFUSED("   ", "usage", "empty");
	REFUSED("sing", "usage", "sing");
	REFUSED("a\0b", "usage", "NUL");
	REFUSED("help \xff", "usage", "UTF-8");
	REFUSED("help \"x", "usage", "quote");
	REFUSED("punch", "usage", "missing argument: punch GPA [LEN]");
	REFUSED("status now", "usage", "unexpected argument 'now': status\"");
	REFUSED("help sing", "range", "sing");
}

static void reply_names_the_command_and_takes_its_time(void **state)
{
	char *text = run("help punch", 10, 0);

	(void)state;
	assert_memory_equal(text, "{\"ok\":true,\"cmd\":\"help\",", 24);
	assert_non_null(strstr(text, "\"ns\":"));
	free(text);
}

static void request_of_the_greatest_length_is_run(void **state)
{
	char line[LINE_MAX_BYTES];
	char *text;

	(void)state;
	snprintf(line, sizeof(line), "%-*s", LINE_MAX_BYTES - 1, "help punch");
	line[LINE_MAX_BYTES - 1] = ' ';
	text = run(line, sizeof(line), 0);
	free(text);
}

/* ---- small functions ---------------------------------------------------- */

static void only_warnings_and_worse_are_events(void **state)
{
	char warn[] = "4,1,2,-;careful\n SUBSYSTEM=x\n";
	char notice[] = "5,1,2,-;fine";
	char user[] = "12,1,2,-;from a user";
	char junk[] = "nothing";

	(void)state;
	assert_string_equal(kmsg_parse(warn), "careful");
	assert_null(kmsg_parse(notice));
	assert_null(kmsg_parse(user));
	assert_null(kmsg_parse(junk));
}

static void nobody_port(void *arg, struct vcpu *v, uint16_t port,
			unsigned int size, bool write, uint8_t *data)
{
	(void)v;
	(void)size;
	*data = 0x5a;
	*(unsigned int *)arg = port | (write ? 0x10000U : 0);
}

static void unclaimed_port_reads_ones_and_is_told_once(void **state)
{
	static struct bus b;
	uint8_t data[4] = { 0 };

	(void)state;
	assert_false(bus_access(&b, NULL, 0x60, 4, 1, false, data));
	assert_memory_equal(data, "\xff\xff\xff\xff", 4);
	assert_true(bus_access(&b, NULL, 0x60, 1, 1, false, data));
	assert_false(bus_access(&b, NULL, 0x61, 1, 1, true, data));
}

static void port_is_claimed_once(void **state)
{
	static struct bus b;
	unsigned int seen = 0;
	struct bus_range r = { 0x3f8, 8, nobody_port, &seen };
	uint8_t data = 0;

	(void)state;
	assert_int_equal(bus_claim(&b, &r), 0);
	r.port = 0x3ff;
	assert_int_equal(bus_claim(&b, &r), -1);
	r.port = 0x400;
	assert_int_equal(bus_claim(&b, &r), 0);
	assert_true(bus_access(&b, NULL, 0x3ff, 1, 1, true, &data));
	assert_int_equal(seen, 0x103ff);
	assert_int_equal(data, 0x5a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_of_the_protocol_is_in_the_table),
		cmocka_unit_test(no_two_rows_have_one_name),
		cmocka_unit_test(every_row_is_complete_and_one_line),
		cmocka_unit_test(bad_lines_get_a_failure_that_says_why),
		cmocka_unit_test(reply_names_the_command_and_takes_its_time),
		cmocka_unit_test(request_of_the_greatest_length_is_run),
		cmocka_unit_test(only_warnings_and_worse_are_events),
		cmocka_unit_test(unclaimed_port_reads_ones_and_is_told_once),
		cmocka_unit_test(port_is_claimed_once),
	};

	return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
