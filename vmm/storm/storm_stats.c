// SPDX-License-Identifier: GPL-2.0-only
/* Count a storm's operations and write the reply. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storm/storm.h"

static const char *storm_end_name(enum storm_end end)
{
	static const char *const names[] = {
		[STORM_TIME] = "time",	   [STORM_COUNT] = "count",
		[STORM_STOP] = "stop",	   [STORM_KERNEL] = "kernel",
		[STORM_CLIENT] = "client", [STORM_MACHINE] = "machine",
		[STORM_STUCK] = "stuck",
	};

	return names[end];
}

/* ---- counting ----------------------------------------------------------- */

static void add_error(struct storm_count *c, enum err_kind kind, int os_errno,
		      uint64_t nr)
{
	unsigned int i = 0;

	while (i < c->nr_errors &&
	       (c->errors[i].kind != kind || c->errors[i].os_errno != os_errno))
		i++;
	if (i == STORM_ERRORS) {
		c->other_errors += nr;
		return;
	}
	if (i == c->nr_errors)
		c->errors[c->nr_errors++] =
			(struct storm_error){ kind, os_errno, 0 };
	c->errors[i].nr += nr;
}

/* Compare the pfn of a cache that was just used with the last one. */
static void note_pfn(struct storm_count *c, uint64_t pfn)
{
	if (!pfn || !c->pfn)
		c->pfn_unknown++;
	else if (pfn != c->pfn)
		c->pfn_changed++;
	else
		c->pfn_same++;
	c->pfn = pfn;
}

void storm_note(struct storm_thread *t, struct storm_count *c, int r)
{
	uint64_t now = tsc();

	c->done++;
	if (!r) {
		hist_add(&c->took, tsc_between(t->at, now));
		if (t->judged)
			c->verdicts[t->verdict]++;
		if (t->used)
			note_pfn(c, t->pfn);
	} else {
		if (!c->failed++)
			memcpy(c->first, t->err.msg, sizeof(c->first));
		add_error(c, t->err.kind, t->err.os_errno, 1);
	}
	t->judged = t->used = false;
	t->at = now;
}

static void merge_counts(struct storm_count *sum, const struct storm_count *c)
{
	if (!sum->failed && c->failed)
		memcpy(sum->first, c->first, sizeof(sum->first));
	sum->done += c->done;
	sum->failed += c->failed;
	for (unsigned int i = 0; i <= VERDICT_TORN; i++)
		sum->verdicts[i] += c->verdicts[i];
	for (unsigned int i = 0; i < c->nr_errors; i++)
		add_error(sum, c->errors[i].kind, c->errors[i].os_errno,
			  c->errors[i].nr);
	sum->other_errors += c->other_errors;
	sum->pfn_changed += c->pfn_changed;
	sum->pfn_same += c->pfn_same;
	sum->pfn_unknown += c->pfn_unknown;
	hist_merge(&sum->took, &c->took);
}

/* ---- the reply ---------------------------------------------------------- */

static void errors_json(const struct storm_count *c, struct json *j)
{
	char key[48];

	json_object(j, "errors");
	for (unsigned int i = 0; i < c->nr_errors; i++) {
		const char *kind = err_kind_name(c->errors[i].kind);
		const char *os = err_errno_name(c->errors[i].os_errno);

		snprintf(key, sizeof(key), "%s%s%s", kind, os ? "/" : "",
			 os ?: "");
		json_num(j, key, c->errors[i].nr);
	}
	if (c->other_errors)
		json_num(j, "other", c->other_errors);
	json_object_end(j);
	if (c->failed)
		json_str(j, "first_error", c->first);
}

static void verdicts_json(const struct storm_count *c, struct json *j)
{
	bool any = false;

	for (unsigned int i = 0; i <= VERDICT_TORN; i++)
		any |= c->verdicts[i];
	if (!any)
		return;
	json_object(j, "verdicts");
	for (unsigned int i = 0; i <= VERDICT_TORN; i++)
		if (c->verdicts[i])
			json_num(j, pv_verdict_name((enum pv_verdict)i),
				 c->verdicts[i]);
	json_object_end(j);
}

static void pfns_json(const struct storm_count *c, struct json *j)
{
	if (!c->pfn_changed && !c->pfn_same && !c->pfn_unknown)
		return;
	json_num(j, "pfn_changed", c->pfn_changed);
	json_num(j, "pfn_same", c->pfn_same);
	json_num(j, "pfn_unknown", c->pfn_unknown);
}

static uint64_t ticks_to_ns(double ticks, double tick)
{
	return (uint64_t)(ticks * tick + 0.5);
}

static void percentiles_json(const struct hist *h, double tick,
			     const char *const names[3], struct json *j)
{
	if (!h->nr) {
		for (int i = 0; i < 3; i++)
			json_null(j, names[i]);
		return;
	}
	json_num(j, names[0],
		 ticks_to_ns((double)hist_percentile(h, 50), tick));
	json_num(j, names[1],
		 ticks_to_ns((double)hist_percentile(h, 99), tick));
	json_num(j, names[2], ticks_to_ns((double)h->max, tick));
}

static void step_json(const struct storm *s, const struct storm_worker *w,
		      unsigned int index, struct storm_count *sum,
		      struct json *j)
{
	static const char *const names[] = { "p50", "p99", "max" };
	const struct storm_step *st = &s->steps[w->step + index];
	double seconds = (double)(s->ended_ns - s->began.ns) / 1e9;

	memset(sum, 0, sizeof(*sum));
	for (unsigned int i = 0; i < w->threads; i++)
		merge_counts(sum, &s->threads[w->thread + i].counts[index]);
	json_object(j, NULL);
	json_str(j, "op", st->op->name);
	json_str(j, "text", st->text);
	json_num(j, "count", sum->done);
	json_num(j, "failed", sum->failed);
	errors_json(sum, j);
	verdicts_json(sum, j);
	pfns_json(sum, j);
	json_num(j, "rate",
		 (uint64_t)((double)(sum->done - sum->failed) / seconds + 0.5));
	percentiles_json(&sum->took, s->tick, names, j);
	json_object_end(j);
}

static void worker_json(const struct storm *s, unsigned int index,
			struct storm_count *sum, struct json *j)
{
	const struct storm_worker *w = &s->workers[index];

	json_object(j, NULL);
	json_num(j, "worker", index);
	json_num(j, "threads", w->threads);
	json_array(j, "rounds");
	for (unsigned int i = 0; i < w->threads; i++)
		json_num(j, NULL, s->threads[w->thread + i].rounds);
	json_array_end(j);
	json_array(j, "order");
	for (unsigned int i = 0; i < w->threads; i++)
		json_hex(j, NULL, s->threads[w->thread + i].order);
	json_array_end(j);
	json_array(j, "ops");
	for (unsigned int i = 0; i < w->nr_steps; i++)
		step_json(s, w, i, sum, j);
	json_array_end(j);
	json_object_end(j);
}

/* Warn if fewer than one round in FEW overlapped. */
#define FEW 10

/* Note that the verdicts prove little if few rounds overlapped. */
static void note_json(const struct storm_barrier *b, struct json *j)
{
	char text[160];

	if (b->overlapped * FEW >= b->rounds)
		return;
	snprintf(text, sizeof(text),
		 "only %" PRIu64 " of %" PRIu64
		 " rounds overlapped: the storm proves little%s",
		 b->overlapped, b->rounds,
		 b->crowded ? " (more threads than CPUs)" : "");
	json_str(j, "note", text);
}

static void group_json(const struct storm *s, unsigned int group,
		       struct json *j)
{
	static const char *const names[] = { "skew_p50", "skew_p99",
					     "skew_max" };
	const struct storm_barrier *b = &s->barriers[group];

	json_object(j, NULL);
	json_array(j, "workers");
	for (unsigned int i = 0; i < s->nr_workers; i++)
		if (s->workers[i].group == (int)group)
			json_num(j, NULL, i);
	json_array_end(j);
	json_num(j, "threads", b->nr);
	json_num(j, "rounds", b->rounds);
	json_num(j, "overlapped", b->overlapped);
	percentiles_json(&b->skew, s->tick, names, j);
	note_json(b, j);
	json_object_end(j);
}

int storm_json(const struct storm *s, struct json *j, struct err *e)
{
	struct storm_count *sum = malloc(sizeof(*sum));

	if (!sum)
		return err_os(e, ENOMEM, "memory for the storm's results");
	json_hex(j, "seed", s->seed);
	json_str(j, "ended_by", storm_end_name(s->end));
	json_num(j, "run_ns", s->ended_ns - s->began.ns);
	json_array(j, "workers");
	for (unsigned int i = 0; i < s->nr_workers; i++)
		worker_json(s, i, sum, j);
	json_array_end(j);
	json_array(j, "groups");
	for (unsigned int i = 0; i < s->nr_groups; i++)
		group_json(s, i, j);
	json_array_end(j);
	free(sum);
	return 0;
}
