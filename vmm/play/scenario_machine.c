// SPDX-License-Identifier: GPL-2.0-only
/* need and vm; the machine from its beginning to its end. */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/json_path.h"
#include "config/config.h"
#include "config/guests.h"
#include "play/scenario_need.h"
#include "play/scenario_player.h"
#include "probe/probe.h"

/* ---- need ---------------------------------------------------------------- */

static int skip(struct branch *b, const struct stmt *s, const char *why)
{
	b->skipped = true;
	b->line = s ? s->line : 0;
	snprintf(b->why, sizeof(b->why), "%s", why);
	return -1;
}

int run_need(struct branch *b, const struct stmt *s)
{
	struct need_host h = { 0 };
	struct probe probe = { 0 };
	struct utsname uts;
	struct need n;
	char why[400];

	if (uname(&uts))
		uts.release[0] = 0;
	h.probe = &probe;
	h.release = uts.release;
	h.cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	for (int i = 0; i < s->argc; i++) {
		if (need_parse(s->argv[i], &n, NULL))
			continue; /* the parser has looked */
		/* Without KVM the row says so. */
		if (n.what <= NEED_NOT)
			(void)probe_run(&probe, "/dev/kvm", n.row, NULL);
		if (!need_holds(&n, &h, why))
			return skip(b, s, why);
	}
	return 0;
}

/* ---- a machine of our own ------------------------------------------------ */

/* The need line that would have told before that it cannot be started. */
static void suggest_need(struct branch *b, const struct config *cfg)
{
	struct need_host h = { 0 };
	struct probe probe = { 0 };
	struct need n = { .what = NEED_ROW };
	char why[400];

	h.probe = &probe;
	if (!cfg->mem_auto) {
		snprintf(n.row, sizeof(n.row), "mode-%s",
			 mem_mode_name(cfg->mode, cfg->no_direct_map));
		(void)probe_run(&probe, "/dev/kvm", n.row, NULL);
		if (!need_holds(&n, &h, why))
			branch_note(b,
				    "  to skip it where that is missing: "
				    "need %s",
				    n.row);
	}
	if (cfg->flavour == PV_XEN) {
		snprintf(n.row, sizeof(n.row), "xen");
		(void)probe_run(&probe, "/dev/kvm", n.row, NULL);
		if (!need_holds(&n, &h, why))
			branch_note(b, "  to skip it where that is missing: "
				       "need xen");
	}
}

static int fail_start(struct branch *b, const struct stmt *s, const char *why,
		      const struct config *cfg)
{
	branch_fail(b, s, why);
	/* What it has printed is there when it has ended, or never. */
	vm_stop(&b->p->vm, &b->p->halt);
	vm_clean(&b->p->vm);
	branch_show_output(b);
	vm_free(&b->p->vm);
	if (cfg)
		suggest_need(b, cfg);
	return -1;
}

static int start_machine(struct branch *b, const struct stmt *s,
			 const struct vm_plan *plan, const struct config *cfg)
{
	struct player *p = b->p;
	struct err e;
	int r;

	host_count(p);
	watch_mark(&p->watch);
	r = vm_start(&p->vm, plan, &b->link, &p->halt, &e);
	if (p->vm.pid && p->nr_pids < sizeof(p->pids) / sizeof(p->pids[0]))
		p->pids[p->nr_pids++] = p->vm.pid;
	if (!r)
		return 0;
	if (e.kind == ERR_NONE)
		return -1;
	return fail_start(b, s, e.msg, cfg);
}

/* ---- a machine that runs ------------------------------------------------- */

/* The parser takes no abbreviations (see scenario_table.c). */
static bool is_asked(const struct stmt *s, const char *option)
{
	size_t n = strlen(option);

	for (int i = 0; i < s->argc; i++)
		if (!strncmp(s->argv[i], option, n) &&
		    (!s->argv[i][n] || s->argv[i][n] == '='))
			return true;
	return false;
}

struct status {
	char memory[48], pv[8], layout[16], by[8];
	unsigned int vcpus;
};

static bool take_text(void *arg, const struct json_read *value)
{
	json_read_string(value, arg, 8);
	return false;
}

static bool take_long_text(void *arg, const struct json_read *value)
{
	json_read_string(value, arg, 16);
	return false;
}

static bool take_mode(void *arg, const struct json_read *value)
{
	json_read_string(value, arg, 48);
	return false;
}

static bool count_one(void *arg, const struct json_read *value)
{
	(void)value;
	++*(unsigned int *)arg;
	return true;
}

/* Ask the machine what it is; the reply becomes no "last reply". */
static int ask_status(struct branch *b, struct status *st)
{
	struct ctl_link *l = &b->link;
	struct ctl_request q;
	const char *line;
	size_t n;

	*st = (struct status){ 0 };
	request_line("status", 6, &q, NULL);
	if (link_send(l, &q))
		return -1;
	while (l->waiting) {
		if (link_wait(l, b->p->halt.fd))
			return -1;
		line = link_line(l, &n);
		if (!line || link_account(l, line, n) != REPLY_OK)
			continue;
		field_each(line, n, "memory", take_mode, st->memory);
		field_each(line, n, "pv", take_text, st->pv);
		field_each(line, n, "pv_layout", take_long_text, st->layout);
		field_each(line, n, "pv_by", take_text, st->by);
		field_each(line, n, "vcpus.*", count_one, &st->vcpus);
	}
	return 0;
}

/* Skip, because the vm line asks for @want and the machine has @got. */
static int differs(struct branch *b, const struct stmt *s, const char *what,
		   const char *got, const char *want)
{
	char why[200];

	if (!strcmp(got, want))
		return 0;
	snprintf(why, sizeof(why), "the machine has %s %s, not %s", what, got,
		 want);
	return skip(b, s, why);
}

/* What the vm line asks for and the machine is not. */
static int compare_options(struct branch *b, const struct stmt *s,
			   const struct status *st)
{
	const struct config *cfg = s->cfg;
	char got[16], want[16];

	snprintf(got, sizeof(got), "%u", st->vcpus);
	snprintf(want, sizeof(want), "%u", cfg->vcpus);
	if (!cfg->mem_auto &&
	    differs(b, s, "memory", st->memory,
		    mem_mode_name(cfg->mode, cfg->no_direct_map)))
		return -1;
	if (is_asked(s, "--vcpus") && differs(b, s, "vcpus", got, want))
		return -1;
	if (is_asked(s, "--pv") &&
	    differs(b, s, "pv", st->pv, pv_flavour_names[cfg->flavour]))
		return -1;
	if (is_asked(s, "--pv-layout") && differs(b, s, "pv-layout", st->layout,
						  pv_layout_names[cfg->layout]))
		return -1;
	return is_asked(s, "--pv-by") ? differs(b, s, "pv-by", st->by,
						cfg->by_hva ? "hva" : "gpa")
				      : 0;
}

static int adopt(struct branch *b, const struct stmt *s)
{
	struct player *p = b->p;
	struct status st;

	if (p->adopted)
		return branch_fail(b, s,
				   "over --control there is one machine: "
				   "a second vm line cannot be played");
	p->adopted = true;
	if (ask_status(b, &st))
		return halt_poll(&p->halt, -1, 0) < 0 ? -1 : branch_lost(b, s);
	if (compare_options(b, s, &st))
		return -1;
	branch_note(b,
		    "%s:%u: not played, the machine that runs is taken as it "
		    "is: %s",
		    p->s->path, s->line, s->text);
	return 0;
}

/* ---- vm, and the rest ---------------------------------------------------- */

int run_vm(struct branch *b, const struct stmt *s)
{
	struct player *p = b->p;
	struct vm_plan plan = {
		.argc = s->argc,
		.argv = s->argv,
		.seed = p->o->has_seed && !s->cfg->has_seed ? p->o->seed : NULL,
		.agent = guest_has_agent(s->cfg->guest),
		.types = p->types,
	};

	if (p->o->control)
		return adopt(b, s);
	if (player_finish(b, s))
		return -1;
	b->place = 0;
	return start_machine(b, s, &plan, s->cfg);
}

int player_begin(struct branch *b)
{
	struct player *p = b->p;
	struct vm_plan plan = {
		.argc = p->o->argc,
		.argv = p->o->argv,
		.control = p->o->given_control,
		.agent = p->o->given_agent,
		.types = p->types,
	};
	struct err e;

	if (p->o->given)
		return start_machine(b, NULL, &plan, NULL);
	if (!p->o->control)
		return 0;
	watch_mark(&p->watch);
	if (!vm_adopt(&p->vm, p->o->control, p->types, &b->link, &p->halt, &e))
		return 0;
	return e.kind == ERR_NONE ? -1 : branch_fail(b, NULL, e.msg);
}

int branch_connect(struct branch *b, const struct stmt *s)
{
	struct player *p = b->p;
	struct err e;

	if (b->link.fd >= 0)
		return 0;
	if (!p->vm.there)
		return branch_fail(b, s, "there is no machine");
	if (!link_open(&b->link, p->vm.path, 0, &e))
		return 0;
	return e.kind == ERR_STATE ? branch_lost(b, s)
				   : branch_fail(b, s, e.msg);
}

int branch_lost(struct branch *b, const struct stmt *s)
{
	struct vm *vm = &b->p->vm;
	char why[128] = "the connection to the machine is lost";
	const struct ctl_link *l = &b->link;
	/* Not the machine's doing: what came is too long, or memory ran out. */
	bool ours = l->too_long || (l->fd >= 0 && !l->closed && !l->os_errno);
	int r = vm->remote || ours ? 1 : vm_wait(vm, &b->p->halt, VM_ENDED_MS);

	if (r < 0)
		return -1;
	if (ours)
		snprintf(why, sizeof(why), "%s", link_trouble(l));
	else if (l->os_errno)
		snprintf(why, sizeof(why),
			 "the connection to the machine is lost: %s",
			 strerrordesc_np(l->os_errno));
	if (!r)
		snprintf(why, sizeof(why),
			 "the machine has ended with status %d%s", vm->status,
			 vm->status > 128 ? " (a signal)" : "");
	branch_fail(b, s, why);
	branch_show_output(b);
	return -1;
}

/* Tell it to quit, and wait. -1: all is to end; 1: it does not end. */
static int quit(struct branch *b)
{
	struct vm *vm = &b->p->vm;
	struct ctl_request q;

	request_line("quit", 4, &q, NULL);
	if (b->link.fd >= 0 && !b->link.closed)
		(void)link_send(&b->link, &q);
	return vm_wait(vm, &b->p->halt, VM_ENDED_MS);
}

static int finish_own(struct branch *b, const struct stmt *s)
{
	struct vm *vm = &b->p->vm;
	const struct ctl_link *l = &b->link;
	struct err e = { 0 };
	char why[JUDGE_WHY];
	int r = quit(b);
	bool lost = l->fd >= 0 && (l->closed || l->os_errno);

	if (r < 0)
		return -1;
	if (lost)
		link_lost(l, &e);
	if (r > 0) {
		snprintf(why, sizeof(why),
			 "the machine has not ended %d s after quit%s%s",
			 VM_ENDED_MS / 1000, lost ? ": " : "", e.msg);
		return branch_fail(b, s, why);
	}
	if (vm->end_expected || judge_exit(vm->status, 0, why))
		return 0;
	return branch_fail(b, s, why);
}

int player_finish(struct branch *b, const struct stmt *s)
{
	struct vm *vm = &b->p->vm;
	struct status st;
	bool lost;
	int r = 0;

	if (!vm->there)
		return 0;
	if (vm->remote) {
		/* It may go at any time: ask. */
		lost = !b->failed && !b->skipped && !vm->end_expected &&
		       (b->link.closed || ask_status(b, &st));
		if (lost)
			r = branch_fail(b, s, "the machine has ended");
	} else {
		r = finish_own(b, s);
	}
	link_close(&b->link);
	vm_stop(vm, &b->p->halt);
	vm_clean(vm);
	if (r && b->failed)
		branch_show_output(b);
	if (!b->failed)
		branch_show_warnings(b);
	vm_free(vm);
	return r;
}
