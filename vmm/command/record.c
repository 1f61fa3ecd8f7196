// SPDX-License-Identifier: GPL-2.0-only
/* Collect what is recorded of each request; start and stop recordings. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_path.h"
#include "base/num.h"
#include "base/scenario_limits.h"
#include "command/record.h"
#include "keeper/keeper.h"

/* Reserve for what is not counted: the head, the blocks of storms. */
#define MAX_BYTES (SCENARIO_MAX_BYTES - 64 * KIB)
#define MAX_STMTS (SCENARIO_MAX_STMTS - 64)

/* ---- commands that are not recorded ------------------------------------- */

/* Read-only commands are not recorded. */
static bool only_looks(const struct request *rq)
{
	static const char *const names[] = { "help",	  "status", "caps",
					     "gpc",	  "mem",    "log",
					     "subscribe", "record" };
	const char *name = rq->cmd->name;

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return (!strcmp(name, "delay") && !rq->argc) ||
	       (!strcmp(name, "storm") && !strcmp(rq->argv[0], "help")) ||
	       (!strcmp(name, "guest") && !strcmp(rq->argv[1], "help"));
}

static bool is_storm(const struct request *rq)
{
	return !strcmp(rq->cmd->name, "storm") && rq->argc > 1;
}

/* ---- entries ------------------------------------------------------------ */

static void mark_full(struct record *r, struct machine *m)
{
	if (r->full)
		return;
	r->full = true;
	event_add(&m->events, EVENT_CONTROL,
		  "recording %s is truncated: gpcvm play accepts at most %d "
		  "bytes and "
		  "%d statements",
		  r->path, SCENARIO_MAX_BYTES, SCENARIO_MAX_STMTS);
}

/* Reserve space for @bytes and @stmts; false if there is none. */
static bool reserve_space(struct record *r, struct machine *m, size_t bytes,
			  unsigned int stmts)
{
	if (!r->full && r->bytes + bytes < MAX_BYTES &&
	    r->stmts + stmts < MAX_STMTS) {
		r->bytes += bytes;
		r->stmts += stmts;
		return true;
	}
	mark_full(r, m);
	return false;
}

/* Takes ownership of @line. NULL: out of memory. */
static struct record_entry *add_entry(struct record *r, struct machine *m,
				      char *line, unsigned int stmts)
{
	struct record_entry *e = r->entries;

	if (line && r->nr == r->cap) {
		unsigned int cap = r->cap ? 2 * r->cap : 64;

		e = reallocarray(r->entries, cap, sizeof(*e));
		if (e) {
			r->entries = e;
			r->cap = cap;
		}
	}
	if (!line || !e)
		mark_full(r, m);
	if (!line || !e || !reserve_space(r, m, strlen(line) + 1, stmts)) {
		free(line);
		return NULL;
	}
	e = &r->entries[r->nr++];
	*e = (struct record_entry){ .line = line };
	return e;
}

static void add_note(struct record *r, struct machine *m, const char *what,
		     const char *text)
{
	char *line;
	struct record_entry *e;

	if (asprintf(&line, "# %s: %s", what, text) < 0)
		line = NULL;
	e = add_entry(r, m, line, 0);
	if (!e)
		return;
	for (char *p = e->line; *p; p++) /* keep it on one line */
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	e->during = r->storm;
}

/* Add the kernel's messages since the last call. */
static void note_kernel(struct record *r, struct machine *m)
{
	uint64_t n = events_kernel(&m->events);
	struct event ev;

	if (n == r->kernel)
		return;
	r->kernel = n;
	while (event_next(&m->events, r->seen, &ev)) {
		r->seen = ev.seq;
		if (ev.type == EVENT_KERNEL)
			add_note(r, m, "kernel", ev.text);
	}
}

/* ---- the start of a request --------------------------------------------- */

/* Return the request as a line, with blanks and quotes normalized, or NULL
 * without memory. *length: offset of the second argument. */
static char *recorded_line(struct request *rq, size_t *length)
{
	char *name = (char *)rq->cmd->name, *line = NULL;

	if (record_join(&line, &name, 1) &&
	    record_join(&line, rq->argv, rq->argc ? 1 : 0)) {
		*length = strlen(line) + 1;
		if (rq->argc < 2 ||
		    record_join(&line, rq->argv + 1, rq->argc - 1))
			return line;
	}
	free(line);
	return NULL;
}

static void begin_storm(struct record *r, struct request *rq, size_t at)
{
	struct record_entry *e = &r->entries[r->nr - 1];

	e->storm = true;
	e->at = at;
	e->len = strcspn(e->line + at, " ");
	e->began_ns = now_ns();
	/* Two more words must fit. */
	e->drawn = (rq->argc < 3 || strcmp(rq->argv[2], "seed") != 0) &&
		   rq->argc + 3 <= LINE_MAX_WORDS &&
		   strlen(e->line) + 32 <= LINE_MAX_BYTES;
}

static void record_begin(struct request *rq)
{
	struct record *r = rq->s->record;
	struct record_entry *e;
	size_t at = 0;

	rq->recorded = 0;
	if (!r || only_looks(rq))
		return;
	note_kernel(r, rq->m);
	e = add_entry(r, rq->m, recorded_line(rq, &at), is_storm(rq) ? 5 : 1);
	if (!e)
		return;
	e->open = true;
	e->during = r->storm && strcmp(rq->cmd->name, "quit") != 0;
	rq->recorded = r->nr;
	if (is_storm(rq))
		begin_storm(r, rq, at);
}

static void record_pending(struct request *rq)
{
	struct record *r = rq->s->record;

	rq->s->changed |= !only_looks(rq);
	if (!r || !rq->recorded || !is_storm(rq))
		return;
	r->entries[rq->recorded - 1].seed = rq->seed;
	r->storm = rq->recorded;
}

/* ---- the end of a request ----------------------------------------------- */

struct word {
	char text[64];
	bool found;
};

static bool take_word(void *arg, const struct json_read *value)
{
	struct word *w = arg;

	w->found = value->last == JSON_STRING || value->last == JSON_NUMBER;
	if (value->last == JSON_STRING)
		json_read_string(value, w->text, sizeof(w->text));
	else if (value->last == JSON_NUMBER)
		snprintf(w->text, sizeof(w->text), "%.*s", (int)value->len,
			 value->text);
	return false;
}

static bool reply_member(struct request *rq, const char *path, struct word *w)
{
	const char *text = json_text(&rq->reply);

	*w = (struct word){ .found = false };
	if (text)
		field_each(text, rq->reply.len, path, take_word, w);
	return w->found;
}

/* @value: the object of a page. */
static bool expect_page(void *arg, const struct json_read *value)
{
	struct json_read r = *value;
	char name[32] = "", verdict[32] = "";

	while (json_read_next(&r) == JSON_KEY) {
		struct json_read key = r;

		json_read_next(&r);
		if (json_read_is(&key, "name"))
			json_read_string(&r, name, sizeof(name));
		else if (json_read_is(&key, "verdict"))
			json_read_string(&r, verdict, sizeof(verdict));
		if (!json_read_skip(&r))
			break;
	}
	fprintf(arg, "expect pages.%s.verdict = %s\n", name, verdict);
	return true;
}

static bool set_flag(void *arg, const struct json_read *value)
{
	(void)value;
	*(bool *)arg = true;
	return false;
}

/* Add expectations for the members of the reply that a
 * replay must reproduce. */
static void add_expectations(struct request *rq, FILE *out)
{
	bool disagrees = false;
	struct word w;

	if (!reply_member(rq, "cmd", &w))
		return;
	field_each_named(rq->reply.buf, rq->reply.len, "disagreement", set_flag,
			 &disagrees);
	if (disagrees)
		fputs("expect-disagreement\n", out);
	if (reply_member(rq, "verdict", &w)) {
		fprintf(out, "expect verdict = %s\n", w.text);
		if (strcmp(w.text, "fresh") != 0)
			field_each(rq->reply.buf, rq->reply.len, "pages.*",
				   expect_page, out);
	}
	if (reply_member(rq, "leak", &w) && strcmp(w.text, "unknown") != 0)
		fprintf(out, "expect leak = %s\n", w.text);
}

/* If nothing in the recording ends the storm, limit its
 * time to the time it ran. */
static void complete_storm(struct record_entry *e, struct request *rq)
{
	struct word end, ns;

	if (!reply_member(rq, "ended_by", &end) ||
	    !reply_member(rq, "run_ns", &ns))
		return;
	e->ran = true;
	if (!strcmp(end.text, "client") || !strcmp(end.text, "machine"))
		e->ms = strtoull(ns.text, NULL, 10) / NS_PER_MS + 1;
	if (e->ms) { /* not all of its pages were checked */
		free(e->expect);
		e->expect = NULL;
	}
}

static void note_needs(struct record *r, const struct request *rq,
		       const struct record_entry *e, int result,
		       const struct err *why)
{
	for (unsigned int i = 0; i < record_needs_nr; i++) {
		const struct record_need *n = &record_needs[i];

		if (strcmp(n->command, rq->cmd->name) != 0 ||
		    (n->word && !strstr(e->line, n->word)))
			continue;
		if (!result)
			r->needs |= 1U << i;
		else if (n->lacks && why->kind == ERR_UNSUPPORTED)
			r->lacks |= 1U << i;
	}
	if (!result && !strcmp(rq->cmd->name, "vcpu")) {
		struct word cpu;

		if (reply_member((struct request *)rq, "cpu", &cpu) &&
		    strtoull(cpu.text, NULL, 10) >= r->cpus)
			r->cpus = strtoull(cpu.text, NULL, 10) + 1;
	}
}

/* Record the error, or that nobody waits for the result. */
static void record_failure(struct request *rq, struct record_entry *e,
			   const struct err *why, FILE *out)
{
	if (rq->m->ending)
		e->why = strdup("interrupted by the machine's end");
	else if (!rq->owner)
		e->why = strdup("interrupted when its client disconnected");
	else
		fprintf(out, "expect-error %s\n", err_kind_name(why->kind));
}

static void record_end(struct request *rq, int result, const struct err *why)
{
	struct record *r = rq->s->record;
	struct record_entry *e;
	size_t size = 0;
	unsigned int lines = 0;
	FILE *out;

	if (!rq->cmd)
		return; /* the line was no command */
	if (result >= 0)
		rq->s->changed |= !only_looks(rq);
	if (!r || !rq->recorded || rq->recorded > r->nr)
		return;
	e = &r->entries[rq->recorded - 1];
	if (!e->open)
		return;
	e->open = false;
	if (r->storm == rq->recorded)
		r->storm = 0;
	note_needs(r, rq, e, result, why);
	out = open_memstream(&e->expect, &size);
	if (!out) {
		mark_full(r, rq->m);
		return;
	}
	if (result < 0)
		record_failure(rq, e, why, out);
	else
		add_expectations(rq, out);
	fclose(out);
	for (const char *p = e->expect; p && *p; p++)
		lines += *p == '\n';
	/* Space for it was not reserved, but one line per reply is. */
	if (!reserve_space(r, rq->m, size, lines) && lines > 1) {
		free(e->expect);
		e->expect = NULL;
	}
	if (e->storm && !result)
		complete_storm(e, rq);
	note_kernel(r, rq->m);
}

const struct request_watch record_watch = { record_begin, record_pending,
					    record_end };

/* ---- start and stop ----------------------------------------------------- */

static void free_record(struct record *r)
{
	for (unsigned int i = 0; i < r->nr; i++) {
		free(r->entries[i].line);
		free(r->entries[i].expect);
		free(r->entries[i].why);
	}
	free(r->entries);
	free(r->path);
	free(r->vm);
	free(r);
}

int record_start(struct session *s, const char *path, struct err *e)
{
	struct record *r;

	if (s->record)
		return err_state(
			e, "already recording to %s: end it with 'record stop'",
			s->record->path);
	if (keeper_record_try(s->keeper, path, e))
		return -1;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_os(e, ENOMEM, "memory for a recording");
	r->path = strdup(path);
	r->vm = r->path ? record_vm_line(s->m, e) : NULL;
	if (!r->vm) {
		if (!r->path)
			err_os(e, ENOMEM, "memory for a recording");
		free_record(r);
		return -1;
	}
	r->from_start = !s->changed;
	r->kernel = events_kernel(&s->m->events);
	r->seen = events_last(&s->m->events);
	s->record = r;
	return 0;
}

int record_stop(struct session *s, struct json *j, struct err *e)
{
	struct record *r = s->record;

	if (!r)
		return err_state(
			e, "no recording is running: start one with 'record "
			   "FILE'");
	note_kernel(r, s->m);
	if (record_write(r, s, e))
		return -1;
	json_str(j, "file", r->path);
	json_num(j, "statements", r->stmts);
	json_bool(j, "from_start", r->from_start);
	json_bool(j, "complete", !r->full);
	s->record = NULL;
	free_record(r);
	return 0;
}

void record_finish(struct session *s)
{
	struct record *r = s->record;
	struct err e;

	if (!r)
		return;
	note_kernel(r, s->m);
	if (record_write(r, s, &e)) {
		event_add(&s->m->events, EVENT_CONTROL,
			  "the recording is lost: %s", e.msg);
		warn("the recording is lost: %s", e.msg);
	}
	s->record = NULL;
	free_record(r);
}
