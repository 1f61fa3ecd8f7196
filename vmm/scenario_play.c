// SPDX-License-Identifier: GPL-2.0-only
/* One scenario from its beginning to its end. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "ktap.h"
#include "scenario_player.h"
#include "text.h"

/* Of a reply: all of a storm's with its threads, or of a check of many pages. */
#define SHOW_BYTES 65536

/* ---- notes --------------------------------------------------------------- */

/* Control characters may come from the guest; a terminal would obey them. */
static void put_clean(FILE *f, const char *text, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		unsigned char c = (unsigned char)text[i];

		len = utf8_len(text + i, n - i);
		if (!len || c < 0x20 || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0)) {
			fputc(c == '\t' ? ' ' : '?', f);
			len = len ? len : 1;
		} else {
			fwrite(text + i, 1, len, f);
		}
	}
}

static void put_note(struct branch *b, const char *mark, const char *fmt,
		     va_list ap)
{
	char line[2048];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line))
		n = (int)sizeof(line) - 1;
	fputs(mark, b->notes);
	put_clean(b->notes, line, (size_t)n);
	fputc('\n', b->notes);
}

void branch_note(struct branch *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_note(b, "# ", fmt, ap);
	va_end(ap);
}

void branch_note_host(struct branch *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_note(b, KTAP_HOST_NOTE, fmt, ap);
	va_end(ap);
}

void branch_show(struct branch *b, const char *what, const char *text, size_t n)
{
	size_t len;

	for (; n; text += len, n -= len) {
		len = strcspn(text, "\n") < n ? strcspn(text, "\n") : n;
		fprintf(b->notes, "#   %s: ", what);
		put_clean(b->notes, text,
			  len && text[len - 1] == '\r' ? len - 1 : len);
		fputc('\n', b->notes);
		if (len < n)
			len++;
	}
}

void branch_show_reply_of(struct branch *b, const struct stmt *s,
			  const struct reply_text *r)
{
	size_t n = r->n < SHOW_BYTES ? r->n : SHOW_BYTES;

	if (!r->text)
		return;
	if (s)
		branch_note(b, "  command: line %u: %s", s->line, s->text);
	branch_show(b, "reply", r->text, n);
	if (n < r->n)
		branch_note(b, "  reply: ... (%zu bytes in all)", r->n);
}

void branch_show_reply(struct branch *b)
{
	branch_show_reply_of(b, b->asked, &b->reply);
}

void branch_show_output(struct branch *b)
{
	struct listener *l = &b->p->vm.events;
	char *text;
	size_t n;

	if (!b->p->vm.there)
		return;
	pthread_mutex_lock(&l->lock);
	n = l->len;
	text = strndup(l->text ? l->text : "", n);
	pthread_mutex_unlock(&l->lock);
	if (text)
		branch_show(b, "gpcvm run", text, strlen(text));
	free(text);
}

int branch_fail(struct branch *b, const struct stmt *s, const char *why)
{
	if (!b->failed) {
		b->failed = true;
		b->line = s ? s->line : 0;
		snprintf(b->why, sizeof(b->why), "%s", why);
	}
	if (s)
		branch_note(b, "%s:%u: %s", b->p->s->path, s->line, s->text);
	branch_note(b, "%s%s", s ? "  " : "", why);
	return -1;
}

int branch_init(struct branch *b, struct player *p)
{
	*b = (struct branch){ .p = p, .link.fd = -1, .link.closed = true };
	json_init(&b->verdicts);
	b->notes = open_memstream(&b->notes_text, &b->notes_len);
	if (b->notes)
		return 0;
	b->p = NULL;
	return -1;
}

void branch_close(struct branch *b)
{
	if (b->notes)
		fclose(b->notes);
	b->notes = NULL;
}

void branch_free(struct branch *b)
{
	branch_close(b);
	free(b->notes_text);
	link_close(&b->link);
	free((char *)b->reply.text);
	free((char *)b->ended_reply.text);
	json_free(&b->verdicts);
}

/* ---- one ----------------------------------------------------------------- */

/* The types of events that are waited for. */
static unsigned int waited_for(const struct stmt *s)
{
	unsigned int types = 0;
	int type;

	for (; s; s = s->next) {
		if (s->what->run == run_wait) {
			type = scenario_event_type(s->argv[0],
						   strlen(s->argv[0]));
			types |= type < 0 ? 0 : 1U << type;
		}
		types |= waited_for(s->body) | waited_for(s->other);
	}
	return types;
}

/* All was to end: say why. */
static void tell_halt(struct player *p)
{
	struct branch *b = &p->main;
	char why[JUDGE_WHY];
	int signo = 0;

	switch (halt_why(&p->halt, &signo)) {
	case HALT_TIME:
		snprintf(why, sizeof(why), "time-out: not over after %u s",
			 p->o->limit_s);
		break;
	case HALT_SIGNAL:
		p->interrupted = true;
		snprintf(why, sizeof(why), "interrupted by SIG%s",
			 sigabbrev_np(signo));
		break;
	default:
		return;
	}
	p->halted = true;
	branch_fail(b, b->at, why);
	branch_show_output(b);
}

static void play(struct player *p)
{
	struct branch *b = &p->main;
	bool ok, halted;
	int signo;

	host_begin(p);
	ok = !machine_begin(b) && !run_list(b, p->s->first);
	halted = halt_poll(&p->halt, -1, 0) < 0;
	if (!ok && !b->failed && !b->skipped)
		tell_halt(p);
	if (halted) {
		vm_stop(&p->vm, &p->halt);
		p->vm.end_expected = true;
	}
	/* It says itself what is wrong; but first comes what was before. */
	if (machine_finish(b, NULL) && !b->failed)
		tell_halt(p);
	p->interrupted |= halt_why(&p->halt, &signo) == HALT_SIGNAL;
	if (!b->skipped)
		host_judge(p);
	watch_close(&p->watch);
}

/* With expect-fail a failure is what was wanted, if it is the right one. */
static void turn_around(struct branch *b)
{
	const struct stmt *s = b->p->must_fail;
	char why[JUDGE_WHY];

	if (!s || b->skipped || b->p->halted)
		return;
	if (judge_failure(b->failed, b->why, s->argv[0], why)) {
		b->failed = false;
		branch_note(b, "  it was to fail so");
	} else {
		b->failed = false; /* that it does now is what counts */
		branch_fail(b, s, why);
	}
}

static void conclude(struct player *p, struct outcome *out)
{
	struct branch *b = &p->main;

	turn_around(b);
	out->result = b->failed	   ? RESULT_FAIL
		      : b->skipped ? RESULT_SKIP
				   : RESULT_PASS;
	out->interrupted = p->interrupted;
	out->line = b->failed || b->skipped ? b->line : 0;
	if (b->failed || b->skipped)
		memcpy(out->why, b->why, sizeof(out->why));
	branch_close(b);
	out->notes = b->notes_text;
	b->notes_text = NULL;
	out->verdicts = b->verdicts;
	json_init(&b->verdicts);
}

void scenario_play(const struct scenario *s, const struct play_options *o,
		   struct outcome *out)
{
	struct player p = { .s = s,
			    .o = o,
			    .vm = { .pidfd = -1, .dir.fd = -1 },
			    .types = waited_for(s->first),
			    .other_lock = PTHREAD_MUTEX_INITIALIZER };
	uint64_t start = now_ns();
	struct err e = { 0 };

	*out = (struct outcome){ .result = RESULT_FAIL };
	json_init(&out->verdicts);
	if (halt_open(&p.halt, o->limit_s, &e)) {
		snprintf(out->why, sizeof(out->why), "%s", e.msg);
		return;
	}
	if (branch_init(&p.main, &p)) {
		snprintf(out->why, sizeof(out->why), "out of memory");
	} else {
		play(&p);
		conclude(&p, out);
		branch_free(&p.main);
	}
	halt_close(&p.halt);
	out->ns = now_ns() - start;
}

void outcome_free(struct outcome *out)
{
	free(out->notes);
	json_free(&out->verdicts);
}

const char *result_name(enum result r)
{
	static const char *const names[] = {
		[RESULT_PASS] = "pass",
		[RESULT_FAIL] = "fail",
		[RESULT_SKIP] = "skip",
	};

	return names[r];
}
