// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "ktap.h"
#include "status.h"

#define STATUS_SKIP 4 /* as in the kernel's selftests */

/* A "#" would begin a directive, and a newline another line. */
static void put_name(const char *s)
{
	for (; *s; s++) {
		if (*s == '#')
			putchar('\\');
		putchar((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
	}
}

void ktap_begin(struct ktap *k, bool json, unsigned int nr)
{
	*k = (struct ktap){ .json = json, .nr = nr };
	if (!json)
		printf("KTAP version 1\n1..%u\n", nr);
	fflush(stdout);
}

static void clear_progress(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

void ktap_progress(const struct ktap *k, const char *name)
{
	if (!isatty(STDERR_FILENO))
		return;
	clear_progress();
	fprintf(stderr, "[%u/%u] %.60s", k->done + 1, k->nr, name);
	fflush(stderr);
}

void outcome_json(const struct outcome *o, const char *name, struct json *j)
{
	json_object(j, NULL);
	json_str(j, "scenario", name);
	json_str(j, "result", result_name(o->result));
	if (o->result == RESULT_PASS)
		json_null(j, "why");
	else
		json_str(j, "why", o->why);
	if (o->line)
		json_num(j, "line", o->line);
	else
		json_null(j, "line");
	json_num(j, "ms", o->ns / NS_PER_MS);
	json_array(j, "verdicts");
	json_raw(j, o->verdicts.buf, o->verdicts.len);
	json_array_end(j);
	json_object_end(j);
}

static void put_json(const char *name, const struct outcome *o)
{
	struct json j;

	json_init(&j);
	outcome_json(o, name, &j);
	if (json_text(&j))
		puts(j.buf);
	json_free(&j);
}

static void put_ktap(unsigned int number, const char *name,
		     const struct outcome *o)
{
	if (o->notes)
		fputs(o->notes, stdout);
	else if (o->result == RESULT_FAIL)
		printf("# %s\n", o->why);
	printf("%sok %u ", o->result == RESULT_FAIL ? "not " : "", number);
	put_name(name);
	if (o->result == RESULT_SKIP)
		printf(" # SKIP %s", o->why);
	putchar('\n');
}

void ktap_result(struct ktap *k, const char *name, const struct outcome *o)
{
	clear_progress();
	k->done++;
	k->counts[o->result]++;
	if (k->json)
		put_json(name, o);
	else
		put_ktap(k->done, name, o);
	fflush(stdout);
}

int ktap_end(struct ktap *k, bool summary)
{
	const unsigned int *n = k->counts;

	if (!k->json && k->done < k->nr)
		puts("Bail out! Interrupted");
	if (!k->json && summary)
		printf("# %u passed, %u failed, %u skipped\n", n[RESULT_PASS],
		       n[RESULT_FAIL], n[RESULT_SKIP]);
	if (fflush(stdout) || ferror(stdout)) {
		complain("writing the results: %s (is there room?)",
			 strerrordesc_np(errno));
		return STATUS_FAILED;
	}
	if (n[RESULT_FAIL] || k->done < k->nr)
		return STATUS_FAILED;
	return n[RESULT_PASS] ? STATUS_OK : STATUS_SKIP;
}
