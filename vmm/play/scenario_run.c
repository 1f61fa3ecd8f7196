// SPDX-License-Identifier: GPL-2.0-only
/* Statements: commands, expectations, waiting, and blocks of them. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/clock.h"
#include "base/json_path.h"
#include "play/scenario_player.h"

int run_list(struct branch *b, const struct stmt *s)
{
	for (; s; s = s->next) {
		b->at = s;
		/* Expectations in a loop would not notice otherwise. */
		if (cancel_poll(&b->p->cancel, -1, 0) < 0)
			return -1;
		if (s->what->run(b, s))
			return -1;
	}
	return 0;
}

/* ---- a command, and its reply ------------------------------------------- */

/* Free the last reply. */
static void forget_reply(struct branch *b)
{
	free((char *)b->reply.text);
	b->reply = (struct reply_text){ 0 };
}

/* Send the command; its reply becomes the last one. */
static int ask_machine(struct branch *b, const struct stmt *s)
{
	struct reply_text reply;
	int r;

	forget_reply(b);
	b->asked = s;
	if (branch_connect(b, s))
		return -1;
	r = reply_ask(&b->link, s->text, &b->p->cancel, &reply);
	if (r)
		return r > 0 ? -1 : branch_lost(b, s);
	b->reply.text = strndup(reply.text, reply.n);
	b->reply.n = reply.n;
	if (!b->reply.text)
		return branch_fail(b, s, "out of memory for the reply");
	return 0;
}

static bool add_verdict(void *arg, const struct json_read *value)
{
	struct json *j = arg;
	char text[64];

	if (value->last == JSON_STRING) {
		json_read_string(value, text, sizeof(text));
		json_str(j, NULL, text);
	}
	return true;
}

/* If a kernel message ended the command, that is the first cause. */
static int fail_with_reply(struct branch *b, const struct stmt *s,
			   const char *why)
{
	char ended[JUDGE_WHY];

	if (b->ended && b->ended == b->asked &&
	    !judge_kernel(&b->p->watch, true, b->p->other, ended)) {
		branch_fail(b, s, ended);
		branch_note(b, "  %s", why);
	} else {
		branch_fail(b, s, why);
	}
	branch_show_reply(b);
	return -1;
}

static int require(struct branch *b, const struct stmt *s, bool holds,
		   const char *why)
{
	return holds ? 0 : fail_with_reply(b, s, why);
}

/* Keep the reply of the first command that a kernel message ended: whether the
 * message was expected is known at the end of the scenario. */
static int keep_ended(struct branch *b, const struct stmt *s)
{
	if (b->ended || !judge_ended_by_kernel(&b->reply))
		return 0;
	b->ended = s;
	b->ended_reply.text = strndup(b->reply.text, b->reply.n);
	b->ended_reply.n = b->ended_reply.text ? b->reply.n : 0;
	return b->ended_reply.text ? 0 : -1;
}

int run_command(struct branch *b, const struct stmt *s)
{
	char why[JUDGE_WHY];

	if (ask_machine(b, s))
		return -1;
	host_look(b->p);
	if (keep_ended(b, s))
		return branch_fail(b, s, "out of memory for the reply");
	field_each_named(b->reply.text, b->reply.n, "verdict", add_verdict,
			 &b->verdicts);
	if (b->verdicts.failed)
		return branch_fail(b, s, "out of memory for the verdicts");
	return require(b, s,
		       judge_reply(&b->reply, s->may_fail, why) &&
			       judge_agreement(&b->reply, s->may_disagree, why),
		       why);
}

/* ---- expectations ------------------------------------------------------- */

int run_expect(struct branch *b, const struct stmt *s)
{
	char why[JUDGE_WHY];

	return require(b, s,
		       judge_expect(&b->reply, s->argv[0], s->op, s->argv[2],
				    why),
		       why);
}

int run_expect_error(struct branch *b, const struct stmt *s)
{
	char why[JUDGE_WHY];

	return require(b, s, judge_error(&b->reply, s->argv[0], why), why);
}

int run_expect_disagreement(struct branch *b, const struct stmt *s)
{
	char why[JUDGE_WHY];

	return require(b, s, judge_disagreement(&b->reply, s->argv[0], why),
		       why);
}

int run_expect_kernel(struct branch *b, const struct stmt *s)
{
	struct player *p = b->p;
	uint64_t until = now_ns() + KERNEL_WAIT_MS * NS_PER_MS;

	if (p->watch.kmsg < 0)
		return branch_fail(b, s,
				   "kernel messages cannot be read here; to "
				   "skip the scenario, add: need kmsg");
	while (!watch_expect(&p->watch, s->argv[0])) {
		if (now_ns() > until)
			return branch_fail(b, s,
					   "the kernel wrote no such message");
		/* Readable when there is a new message. */
		if (cancel_poll(&p->cancel, p->watch.kmsg, 100) < 0)
			return -1;
	}
	return 0;
}

int run_expect_fail(struct branch *b, const struct stmt *s)
{
	if (b->p->must_fail)
		return branch_fail(b, s, "there is another expect-fail before");
	b->p->must_fail = s;
	return 0;
}

/* ---- time --------------------------------------------------------------- */

static int wait_machine_end(struct branch *b, const struct stmt *s)
{
	struct vm *vm = &b->p->vm;
	char why[JUDGE_WHY];
	size_t place = listener_place(&vm->events);

	if (vm->remote) {
		/* Its connection ends with it; no event has this type. */
		if (listener_wait(&vm->events, -1, "", &place, &b->p->cancel) <
		    0)
			return -1;
		branch_note(b,
			    "%s:%u: the machine ended; with --control its "
			    "exit status is unknown",
			    b->p->s->path, s->line);
		vm->end_expected = true;
		return 0;
	}
	if (vm_wait(vm, &b->p->cancel, -1))
		return -1;
	vm->end_expected = true;
	if (judge_exit(vm->status, (int)s->number, why))
		return 0;
	branch_fail(b, s, why);
	branch_show_output(b);
	return -1;
}

int run_wait(struct branch *b, const struct stmt *s)
{
	struct listener *l = &b->p->vm.events;

	if (!b->p->vm.there)
		return branch_fail(b, s, "no machine is running");
	if (!strcmp(s->argv[0], "end"))
		return wait_machine_end(b, s);
	switch (listener_wait(l,
			      event_type_find(s->argv[0], strlen(s->argv[0])),
			      s->argv[1], &b->place, &b->p->cancel)) {
	case 0:
		return 0;
	case 1:
		branch_fail(b, s, "the machine ended without such an event");
		branch_show_output(b);
		return -1;
	default:
		return -1;
	}
}

int run_sleep(struct branch *b, const struct stmt *s)
{
	uint64_t until = now_ns() + s->number * NS_PER_MS, now;
	struct ctl_link *l = &b->link;

	while ((now = now_ns()) < until) {
		int ms = (int)((until - now + NS_PER_MS - 1) / NS_PER_MS);
		int r = cancel_poll(&b->p->cancel, l->closed ? -1 : l->fd, ms);

		if (r)
			return r < 0 ? -1 : 0;
		/* The machine is gone: the next statement reports it. */
		if (link_fill(l) || l->closed)
			return 0;
	}
	return 0;
}

/* ---- blocks ------------------------------------------------------------- */

int run_repeat(struct branch *b, const struct stmt *s)
{
	for (uint64_t i = 0; i < s->number; i++) {
		if (!run_list(b, s->body))
			continue;
		if (s->number > 1)
			branch_note(b, "  in round %ju of %ju",
				    (uintmax_t)i + 1, (uintmax_t)s->number);
		return -1;
	}
	return 0;
}

struct parallel {
	struct branch b;
	const struct stmt *body;
	pthread_t thread;
	bool started, ok;
};

static void *run_branch(void *arg)
{
	struct parallel *par = arg;

	par->ok = !run_list(&par->b, par->body);
	if (!par->ok)
		cancel_stop(&par->b.p->cancel);
	return NULL;
}

static int start_branches(struct branch *b, const struct stmt *s,
			  struct parallel *par)
{
	for (const struct stmt *at = s; at; at = at->other, par++) {
		struct err e;
		int en;

		par->body = at->body;
		if (branch_init(&par->b, b->p))
			return branch_fail(b, s, "out of memory");
		par->b.place = b->place;
		en = pthread_create(&par->thread, NULL, run_branch, par);
		if (en) {
			err_os(&e, en, "pthread_create for a branch");
			return branch_fail(b, s, e.msg);
		}
		par->started = true;
	}
	return 0;
}

/* Add what a branch has seen to its parent, and free the branch. */
static void merge_branch(struct branch *to, struct branch *from, bool ok)
{
	if (!ok && !from->failed && from->at)
		branch_note(from, "%s:%u: ended here: %s", from->p->s->path,
			    from->at->line, from->at->text);
	branch_close(from);
	if (from->notes_text)
		fwrite(from->notes_text, 1, from->notes_len, to->notes);
	if (from->verdicts.len) {
		if (to->verdicts.len)
			json_raw(&to->verdicts, ",", 1);
		json_raw(&to->verdicts, from->verdicts.buf, from->verdicts.len);
		to->verdicts.comma = true;
	}
	if (from->failed && !to->failed) {
		to->failed = true;
		to->line = from->line;
		memcpy(to->why, from->why, sizeof(to->why));
	}
	if (from->place > to->place)
		to->place = from->place;
	if (from->ended && !to->ended) {
		to->ended = from->ended;
		to->ended_reply = from->ended_reply;
		from->ended_reply = (struct reply_text){ 0 };
	}
	branch_free(from);
}

int run_parallel(struct branch *b, const struct stmt *s)
{
	struct parallel *par;
	unsigned int nr = 1;
	bool ok;

	for (const struct stmt *at = s->other; at; at = at->other)
		nr++;
	par = calloc(nr, sizeof(*par));
	if (!par)
		return branch_fail(b, s, "out of memory");
	ok = !start_branches(b, s, par);
	if (!ok)
		cancel_stop(&b->p->cancel);
	for (unsigned int i = 0; i < nr; i++) {
		if (par[i].started)
			pthread_join(par[i].thread, NULL);
		ok &= par[i].ok;
	}
	for (unsigned int i = 0; i < nr; i++)
		if (par[i].b.p)
			merge_branch(b, &par[i].b, par[i].ok);
	free(par);
	b->at = s;
	cancel_undo(&b->p->cancel);
	forget_reply(b);
	if (ok && b->verdicts.failed)
		return branch_fail(b, s, "out of memory for the verdicts");
	return ok ? 0 : -1;
}
