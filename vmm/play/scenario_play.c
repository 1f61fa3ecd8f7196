// SPDX-License-Identifier: GPL-2.0-only
/* One scenario from its beginning to its end. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "play/scenario_player.h"

/* The types of events that are waited for. */
static unsigned int waited_for(const struct stmt *s)
{
	unsigned int types = 0;
	int type;

	for (; s; s = s->next) {
		if (s->what->flags & STMT_WAITS) {
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
	ok = !player_begin(b) && !run_list(b, p->s->first);
	halted = halt_poll(&p->halt, -1, 0) < 0;
	if (!ok && !b->failed && !b->skipped)
		tell_halt(p);
	if (halted) {
		vm_stop(&p->vm, &p->halt);
		p->vm.end_expected = true;
	}
	/* It says itself what is wrong; but first comes what was before. */
	if (player_finish(b, NULL) && !b->failed)
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
