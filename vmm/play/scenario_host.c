// SPDX-License-Identifier: GPL-2.0-only
/* The host, before the first machine and after the last: leaks and kernel messages. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "play/scenario_player.h"

#define PROC	 "/proc"
#define DEBUGFS	 "/sys/kernel/debug"
#define TAINT	 PROC "/sys/kernel/tainted"
#define BACK_NS	 (10 * NS_PER_SEC) /* for memory to be freed */
#define LOOK_MS	 50
#define MAX_SHOW 40 /* kernel messages */

/* Misses a machine that came and went between two calls. */
static void look_for_others(struct player *p)
{
	pthread_mutex_lock(&p->other_lock);
	if (!p->other[0])
		teardown_other_vm(PROC, vm_pid(&p->vm), p->other);
	pthread_mutex_unlock(&p->other_lock);
}

void host_look(struct player *p)
{
	bool more;

	watch_read(&p->watch);
	pthread_mutex_lock(&p->watch.lock);
	more = p->watch.nr != p->looked_at;
	p->looked_at = p->watch.nr;
	pthread_mutex_unlock(&p->watch.lock);
	if (more)
		look_for_others(p);
}

void host_count(struct player *p)
{
	if (p->counted)
		return;
	p->counted = true;
	teardown_count_before(&p->memory, PROC);
	look_for_others(p);
}

/* Show the kernel messages that were not expected. */
static void show_messages(struct player *p)
{
	struct watch *w = &p->watch;
	unsigned int shown = 0;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->nr; i++) {
		if (judge_excused(w, i))
			continue;
		if (++shown > MAX_SHOW) {
			branch_note(&p->main, "  ... (%zu messages)", w->nr);
			break;
		}
		branch_show(&p->main, "kernel", w->messages[i],
			    strlen(w->messages[i]));
	}
	pthread_mutex_unlock(&w->lock);
}

static void check_messages(struct player *p)
{
	struct branch *b = &p->main;
	char why[JUDGE_WHY];

	host_look(p);
	if (p->watch.kmsg < 0)
		branch_note_host(&p->main,
				 "kernel messages not checked: /dev/kmsg: %s",
				 strerrordesc_np(p->watch.kmsg_errno));
	/* Judge what was read before that. */
	if (judge_kernel(&p->watch, b->ended, p->other, why))
		return;
	if (b->ended && !b->failed) {
		branch_fail(b, b->ended, why);
		branch_show_reply_of(b, b->ended, &b->ended_reply);
	} else {
		branch_fail(b, NULL, why);
	}
	show_messages(p);
}

static void check_taint(struct player *p)
{
	unsigned long now = 0;
	char why[JUDGE_WHY];

	if (!p->watch.has_taint || !watch_read_taint(TAINT, &now)) {
		branch_note_host(
			&p->main, "taint not checked: " TAINT ": %s",
			strerrordesc_np(p->watch.has_taint
						? errno
						: p->watch.taint_errno));
		return;
	}
	if (!judge_taint(p->watch.taint, now, why))
		branch_fail(&p->main, NULL, why);
}

/* KVM removes the directory of a VM with the VM, which may be a little after the
 * exit of its process. */
static void check_vms(struct player *p)
{
	uint64_t until = now_ns() + BACK_NS;
	char why[JUDGE_WHY];
	int left;

	for (unsigned int i = 0; i < p->nr_pids; i++) {
		while ((left = teardown_vm_left(DEBUGFS, p->pids[i])) > 0 &&
		       now_ns() < until)
			usleep(LOOK_MS * 1000);
		if (left < 0)
			branch_note_host(
				&p->main,
				"VMs after teardown not checked: " DEBUGFS
				"/kvm: %s",
				strerrordesc_np(errno));
		else if (!judge_vm_gone(left, p->pids[i], why))
			branch_fail(&p->main, NULL, why);
	}
}

/* Count until all memory is freed, or for BACK_NS. Count a leak twice: the VM of
 * another process that comes and goes is in at most one count. */
static void count_again(struct player *p, struct teardown_count *now,
			struct teardown_found *found)
{
	uint64_t until = now_ns() + BACK_NS;
	long pages, last = 0;

	for (;;) {
		teardown_settle();
		teardown_count(now, PROC);
		teardown_find(found, &p->memory, now, PROC);
		pages = teardown_found_pages(found);
		if (pages <= 0 || (now_ns() > until && pages == last))
			return;
		last = pages;
		if (now_ns() > until + BACK_NS)
			break; /* it keeps changing: not ours */
		usleep(LOOK_MS * 1000);
	}
	*found = (struct teardown_found){ 0 };
}

static void check_memory(struct player *p)
{
	const char *unknown = NULL;
	struct teardown_count now = { 0 };
	char why[JUDGE_WHY];
	struct teardown_found found = { 0 };

	if (p->o->control)
		unknown = "the machine keeps running";
	else if (!p->memory.known)
		unknown = p->memory.why;
	else
		count_again(p, &now, &found);
	if (!unknown && !now.known)
		unknown = now.why;
	if (!unknown &&
	    teardown_in_doubt(&now, found.unevictable, why, sizeof(why)))
		unknown = why;
	if (unknown)
		branch_note_host(&p->main, "leak check skipped: %s", unknown);
	else if (!judge_teardown(&found, why))
		branch_fail(&p->main, NULL, why);
}

void host_judge(struct player *p)
{
	if (p->counted || p->o->control) {
		check_vms(p);
		check_memory(p);
	}
	check_taint(p);
	check_messages(p); /* last: it may show what the others caused */
}
