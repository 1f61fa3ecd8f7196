/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What makes a scenario fail: one function for each way. Each returns true where
 * all is well, and otherwise says why not. None of them asks or changes
 * anything; what it judges was seen before.
 */
#ifndef GPCVM_SCENARIO_JUDGE_H
#define GPCVM_SCENARIO_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "play/scenario.h"
#include "play/teardown.h"
#include "play/scenario_watch.h"

#define JUDGE_WHY 512

struct reply_text {
	const char *text; /* NULL: there was none */
	size_t n;
};

/* A reply that is a failure, unless an expect-error follows. */
bool judge_reply(const struct reply_text *r, bool may_fail,
		 char why[static JUDGE_WHY]);
/* A reply with a member "disagreement", unless that is expected. */
bool judge_agreement(const struct reply_text *r, bool may_disagree,
		     char why[static JUDGE_WHY]);
/* expect: the field is there, and compares. */
bool judge_expect(const struct reply_text *r, const char *path,
		  enum field_op op, const char *want,
		  char why[static JUDGE_WHY]);
/* expect-error: a failure of that kind, or with that errno. */
bool judge_error(const struct reply_text *r, const char *want,
		 char why[static JUDGE_WHY]);
/* expect-disagreement; @text may be NULL. */
bool judge_disagreement(const struct reply_text *r, const char *text,
			char why[static JUDGE_WHY]);
/* The exit status of a machine. */
bool judge_exit(int status, int want, char why[static JUDGE_WHY]);
/* Did a kernel message end the command, and not what the command waited for? */
bool judge_ended_by_kernel(const struct reply_text *r);
/* A kernel message that no expect-kernel has named; w->lock is not held.
 * @ended: it ended a command. @other: the pid of another process that had a VM
 * as well, or "": whose VM the message is about is not known then. */
bool judge_kernel(struct watch *w, bool ended, const char *other,
		  char why[static JUDGE_WHY]);
/* Is message @i one that was expected? w->lock is held. */
bool judge_excused(const struct watch *w, size_t i);
/* A taint that was not there before. */
bool judge_taint(unsigned long before, unsigned long after,
		 char why[static JUDGE_WHY]);
/* expect-fail: it @failed, and @reason has @text in it. */
bool judge_failure(bool failed, const char *reason, const char *text,
		   char why[static JUDGE_WHY]);
/* Memory that has not come back. */
bool judge_teardown(const struct teardown_found *f, char why[static JUDGE_WHY]);
/* KVM still has the VM of a process that is gone. */
bool judge_vm_gone(bool left, pid_t pid, char why[static JUDGE_WHY]);

#endif
