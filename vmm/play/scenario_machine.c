// SPDX-License-Identifier: GPL-2.0-only
/* need and vm; a machine from its start to its end. */
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

/* ---- need --------------------------------------------------------------- */

static int skip_scenario(struct branch *b, const struct stmt *s,
			 const char *why)
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
			continue; /* the parser refuses it */
		/* If there is no KVM, the row says so. */
		if (n.what <= NEED_NOT)
			(void)probe_run(&probe, "/dev/kvm", n.row, NULL);
		if (!need_holds(&n, &h, why))
			return skip_scenario(b, s, why);
	}
	return 0;
}

/* ---- a machine that we start -------------------------------------------- */

static void suggest_row(struct branch *b, const char *row)
{
	struct probe probe = { 0 };
	const struct need_host h = { .probe = &probe };
	struct need n = { .what = NEED_ROW };
	char why[400];

	snprintf(n.row, sizeof(n.row), "%s", row);
	(void)probe_run(&probe, "/dev/kvm", n.row, NULL);
	if (!need_holds(&n, &h, why))
		branch_note(b,
			    "  to skip the scenario on such kernels, add: need "
			    "%s",
			    row);
}

/* Name the need lines that would have skipped the scenario. */
static void suggest_need(struct branch *b, const struct config *cfg)
{
	char row[48];

	snprintf(row, sizeof(row), "mode-%s",
		 mem_mode_name(cfg->mode, cfg->no_direct_map));
	if (!cfg->mem_auto)
		suggest_row(b, row);
	if (cfg->flavour == PV_XEN)
		suggest_row(b, "xen");
}

static int fail_start(struct branch *b, const struct stmt *s, const char *why,
		      const struct config *cfg)
{
	branch_fail(b, s, why);
	/* Its output is complete after its end. */
	vm_stop(&b->p->vm, &b->p->cancel);
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
	r = vm_start(&p->vm, plan, &b->link, &p->cancel, &e);
	if (p->vm.pid && p->nr_pids < sizeof(p->pids) / sizeof(p->pids[0]))
		p->pids[p->nr_pids++] = p->vm.pid;
	if (!r)
		return 0;
	if (e.kind == ERR_NONE)
		return -1;
	return fail_start(b, s, e.msg, cfg);
}

/* ---- a running machine -------------------------------------------------- */

/* No abbreviations: the parser refuses them (check_vm_words()). */
static bool has_option(const struct stmt *s, const char *option)
{
	size_t n = strlen(option);

	for (int i = 0; i < s->argc; i++)
		if (!strncmp(s->argv[i], option, n) &&
		    (!s->argv[i][n] || s->argv[i][n] == '='))
			return true;
	return false;
}

static bool count_value(void *arg, const struct json_read *value)
{
	(void)value;
	++*(unsigned int *)arg;
	return true;
}

/* Skip the scenario if its vm line asks for another machine than the running one,
 * whose @status is given. */
static int compare_options(struct branch *b, const struct stmt *s,
			   const struct reply_text *status)
{
	const struct config *cfg = s->cfg;
	char want_vcpus[16], got[48], why[200];
	unsigned int vcpus = 0;
	const struct {
		const char *option, *field, *want;
	} rows[] = {
		{ "--memory", "memory",
		  mem_mode_name(cfg->mode, cfg->no_direct_map) },
		{ "--vcpus", "vcpus", want_vcpus },
		{ "--pv", "pv", pv_flavour_names[cfg->flavour] },
		{ "--pv-layout", "pv_layout", pv_layout_names[cfg->layout] },
		{ "--pv-by", "pv_by", cfg->by_hva ? "hva" : "gpa" },
	};

	snprintf(want_vcpus, sizeof(want_vcpus), "%u", cfg->vcpus);
	field_each(status->text, status->n, "vcpus.*", count_value, &vcpus);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		/* --memory auto takes any. */
		if (!has_option(s, rows[i].option) || (i == 0 && cfg->mem_auto))
			continue;
		reply_string(status, rows[i].field, got, sizeof(got));
		if (rows[i].want == want_vcpus)
			snprintf(got, sizeof(got), "%u", vcpus);
		if (!strcmp(got, rows[i].want))
			continue;
		snprintf(why, sizeof(why),
			 "%s: expected %s, the running machine has %s",
			 rows[i].option, rows[i].want, got);
		return skip_scenario(b, s, why);
	}
	return 0;
}

static int adopt_machine(struct branch *b, const struct stmt *s)
{
	struct player *p = b->p;
	struct reply_text status;
	int r;

	if (p->adopted)
		return branch_fail(b, s,
				   "with --control, only one vm line can be "
				   "played");
	p->adopted = true;
	r = reply_ask(&b->link, "status", &p->cancel, &status);
	if (r)
		return r > 0 ? -1 : branch_lost(b, s);
	if (compare_options(b, s, &status))
		return -1;
	branch_note(b, "%s:%u: using the running machine in place of: %s",
		    p->s->path, s->line, s->text);
	return 0;
}

/* ---- vm, and the rest --------------------------------------------------- */

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
		return adopt_machine(b, s);
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
	if (!vm_adopt(&p->vm, p->o->control, p->types, &b->link, &p->cancel,
		      &e))
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
		return branch_fail(b, s, "no machine is running");
	if (!link_open(&b->link, p->vm.path, 0, &e))
		return 0;
	return e.kind == ERR_STATE ? branch_lost(b, s)
				   : branch_fail(b, s, e.msg);
}

int branch_lost(struct branch *b, const struct stmt *s)
{
	struct vm *vm = &b->p->vm;
	char why[128] = "lost the connection to the machine";
	const struct ctl_link *l = &b->link;
	/* Not the machine's fault: a line is too long, or memory ran out. */
	bool ours = l->too_long || (l->fd >= 0 && !l->closed && !l->os_errno);
	int r = vm->remote || ours ? 1
				   : vm_wait(vm, &b->p->cancel, VM_ENDED_MS);

	if (r < 0)
		return -1;
	if (ours)
		snprintf(why, sizeof(why), "%s", link_trouble(l));
	else if (l->os_errno)
		snprintf(why, sizeof(why),
			 "lost the connection to the machine: %s",
			 strerrordesc_np(l->os_errno));
	if (!r)
		snprintf(why, sizeof(why), "the machine ended with status %d%s",
			 vm->status, vm->status > 128 ? " (a signal)" : "");
	branch_fail(b, s, why);
	branch_show_output(b);
	return -1;
}

/* Send quit and wait for the end; returns as vm_wait(). */
static int quit_machine(struct branch *b)
{
	struct vm *vm = &b->p->vm;
	struct ctl_request q;

	request_line("quit", 4, &q, NULL);
	if (b->link.fd >= 0 && !b->link.closed)
		(void)link_send(&b->link, &q);
	return vm_wait(vm, &b->p->cancel, VM_ENDED_MS);
}

static int finish_own(struct branch *b, const struct stmt *s)
{
	struct vm *vm = &b->p->vm;
	const struct ctl_link *l = &b->link;
	struct err e = { 0 };
	char why[JUDGE_WHY];
	int r = quit_machine(b);
	bool lost = l->fd >= 0 && (l->closed || l->os_errno);

	if (r < 0)
		return -1;
	if (lost)
		link_lost(l, &e);
	if (r > 0) {
		snprintf(why, sizeof(why),
			 "the machine did not end within %d s of quit%s%s",
			 VM_ENDED_MS / 1000, lost ? ": " : "", e.msg);
		return branch_fail(b, s, why);
	}
	if (vm->end_expected || judge_exit(vm->status, 0, why))
		return 0;
	return branch_fail(b, s, why);
}

/* A machine that is not ours may go at any time: ask it. */
static int finish_remote(struct branch *b, const struct stmt *s)
{
	struct reply_text status;
	int r;

	if (b->failed || b->skipped || b->p->vm.end_expected)
		return 0;
	r = b->link.closed
		    ? -1
		    : reply_ask(&b->link, "status", &b->p->cancel, &status);
	if (r < 0)
		branch_fail(b, s, "the machine ended");
	return r ? -1 : 0;
}

int player_finish(struct branch *b, const struct stmt *s)
{
	struct vm *vm = &b->p->vm;
	int r;

	if (!vm->there)
		return 0;
	r = vm->remote ? finish_remote(b, s) : finish_own(b, s);
	link_close(&b->link);
	vm_stop(vm, &b->p->cancel);
	vm_clean(vm);
	if (r && b->failed)
		branch_show_output(b);
	if (!b->failed)
		branch_show_warnings(b);
	vm_free(vm);
	return r;
}
