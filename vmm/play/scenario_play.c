// SPDX-License-Identifier: GPL-2.0-only
/* One scenario from start to end. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/clock.h"
#include "play/scenario_player.h"

/* Collect the types of events that the statements wait for. */
static unsigned int waited_types(const struct stmt *s)
{
	unsigned int types = 0;
	int type;

	for (; s; s = s->next) {
		if (s->what->flags & STMT_WAITS) {
			type = event_type_find(s->argv[0], strlen(s->argv[0]));
			types |= type < 0 ? 0 : 1U << type;
		}
		types |= waited_types(s->body) | waited_types(s->other);
	}
	return types;
}

/* Fail with the reason of a cancellation, if there is one. */
static void report_cancel(struct player *p)
{
	struct branch *b = &p->main;
	char why[JUDGE_WHY];

	switch (cancel_why(&p->cancel)) {
	case CANCEL_TIME:
		snprintf(why, sizeof(why), "timed out after %u s",
			 p->o->limit_s);
		break;
	case CANCEL_SIGNAL:
		p->interrupted = true;
		snprintf(why, sizeof(why), "interrupted by SIG%s",
			 sigabbrev_np(p->cancel.signo));
		break;
	default:
		return;
	}
	p->cancelled = true;
	branch_fail(b, b->at, why);
	branch_show_output(b);
}

static void play_scenario(struct player *p)
{
	struct branch *b = &p->main;
	bool ok, cancelled;

	watch_open(&p->watch);
	ok = !player_begin(b) && !run_list(b, p->s->first);
	cancelled = cancel_poll(&p->cancel, -1, 0) < 0;
	if (!ok && !b->failed && !b->skipped)
		report_cancel(p);
	if (cancelled) {
		vm_stop(&p->vm, &p->cancel);
		p->vm.end_expected = true;
	}
	/* player_finish() reports its own failure, but an earlier one counts. */
	if (player_finish(b, NULL) && !b->failed)
		report_cancel(p);
	p->interrupted |= cancel_why(&p->cancel) == CANCEL_SIGNAL;
	if (!b->skipped)
		host_judge(p);
	watch_close(&p->watch);
}

/* expect-fail: pass if the scenario failed for that reason, and fail otherwise. */
static void invert_result(struct branch *b)
{
	const struct stmt *s = b->p->must_fail;
	char why[JUDGE_WHY];

	if (!s || b->skipped || b->p->cancelled)
		return;
	if (judge_failure(b->failed, b->why, s->argv[0], why)) {
		b->failed = false;
		branch_note(b, "  failed as expected");
	} else {
		b->failed = false; /* this failure counts, not the first */
		branch_fail(b, s, why);
	}
}

static void make_outcome(struct player *p, struct outcome *out)
{
	struct branch *b = &p->main;

	invert_result(b);
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
			    .types = waited_types(s->first),
			    .other_lock = PTHREAD_MUTEX_INITIALIZER };
	uint64_t start = now_ns();
	struct err e = { 0 };

	*out = (struct outcome){ .result = RESULT_FAIL };
	json_init(&out->verdicts);
	if (cancel_open(&p.cancel, o->limit_s, &e)) {
		snprintf(out->why, sizeof(out->why), "%s", e.msg);
		return;
	}
	if (branch_init(&p.main, &p)) {
		snprintf(out->why, sizeof(out->why), "out of memory");
	} else {
		play_scenario(&p);
		make_outcome(&p, out);
		branch_free(&p.main);
	}
	cancel_close(&p.cancel);
	out->ns = now_ns() - start;
}
