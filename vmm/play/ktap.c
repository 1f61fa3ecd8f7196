// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/status.h"
#include "play/ktap.h"

#define STATUS_SKIP 4 /* as in the kernel's selftests */

static const char *const result_names[] = {
	[RESULT_PASS] = "pass",
	[RESULT_FAIL] = "fail",
	[RESULT_SKIP] = "skip",
};

void outcome_free(struct outcome *out)
{
	free(out->notes);
	json_free(&out->verdicts);
}

/* Escape "#", which begins a directive, and replace control characters. */
static void print_name(const char *s)
{
	for (; *s; s++) {
		if (*s == '#')
			putchar('\\');
		putchar((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
	}
}

static void flush_results(struct ktap *k)
{
	if ((fflush(stdout) || ferror(stdout)) && !k->write_errno)
		k->write_errno = errno ? errno : EIO;
}

void ktap_begin(struct ktap *k, bool json, unsigned int nr)
{
	*k = (struct ktap){ .json = json, .nr = nr };
	if (!json)
		printf("KTAP version 1\n1..%u\n", nr);
	flush_results(k);
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

static void print_outcome_json(struct ktap *k, const char *name,
			       const struct outcome *o)
{
	struct json j;

	json_init(&j);
	json_object(&j, NULL);
	json_str(&j, "scenario", name);
	json_str(&j, "result", result_names[o->result]);
	if (o->result == RESULT_PASS)
		json_null(&j, "why");
	else
		json_str(&j, "why", o->why);
	if (o->line)
		json_num(&j, "line", o->line);
	else
		json_null(&j, "line");
	json_num(&j, "ms", o->ns / NS_PER_MS);
	json_array(&j, "verdicts");
	json_raw(&j, o->verdicts.buf, o->verdicts.len);
	json_array_end(&j);
	json_object_end(&j);
	if (json_text(&j))
		puts(j.buf);
	else
		k->write_errno = ENOMEM;
	json_free(&j);
}

/* Hash the line @s without its digits (FNV-1a). */
static uint64_t hash_note(const char *s, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
	return h;
}

static bool was_printed(struct ktap *k, const char *s, size_t n)
{
	uint64_t h = hash_note(s, n);

	for (unsigned int i = 0; i < k->nr_said; i++)
		if (k->said[i] == h)
			return true;
	if (k->nr_said < KTAP_HOST_NOTES)
		k->said[k->nr_said++] = h;
	return false;
}

static void print_notes(struct ktap *k, const char *s)
{
	const size_t mark = strlen(KTAP_HOST_NOTE);

	for (size_t n; *s; s += n) {
		n = strcspn(s, "\n");
		n += s[n] ? 1 : 0;
		if (strncmp(s, KTAP_HOST_NOTE, mark))
			fwrite(s, 1, n, stdout);
		else if (!was_printed(k, s, n))
			printf("# %.*s", (int)(n - mark), s + mark);
	}
}

static void print_outcome_ktap(struct ktap *k, const char *name,
			       const struct outcome *o)
{
	if (o->notes && *o->notes)
		print_notes(k, o->notes);
	else if (o->result == RESULT_FAIL)
		printf("# %s\n", o->why);
	printf("%sok %u ", o->result == RESULT_FAIL ? "not " : "", k->done);
	print_name(name);
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
		print_outcome_json(k, name, o);
	else
		print_outcome_ktap(k, name, o);
	flush_results(k);
}

int ktap_end(struct ktap *k, bool summary)
{
	const unsigned int *n = k->counts;

	if (!k->json && k->done < k->nr)
		puts("Bail out! Interrupted");
	if (!k->json && summary)
		printf("# %u passed, %u failed, %u skipped\n", n[RESULT_PASS],
		       n[RESULT_FAIL], n[RESULT_SKIP]);
	flush_results(k);
	if (k->write_errno) {
		warn("writing the results: %s (is there room?)",
		     strerrordesc_np(k->write_errno));
		return STATUS_FAILED;
	}
	if (n[RESULT_FAIL] || k->done < k->nr)
		return STATUS_FAILED;
	return n[RESULT_PASS] ? STATUS_OK : STATUS_SKIP;
}
