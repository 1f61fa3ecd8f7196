/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ways in which a scenario fails, a function for each. Each returns true if
 * all is well, and false with the reason in @why. They judge what was seen
 * before; they neither ask the machine nor change anything.
 */
#ifndef GPCVM_SCENARIO_JUDGE_H
#define GPCVM_SCENARIO_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "play/reply.h"
#include "play/scenario.h"
#include "play/scenario_watch.h"
#include "play/teardown.h"

#define JUDGE_WHY 512

/* The reply is a failure, and no expect-error follows. */
bool judge_reply(const struct reply_text *r, bool may_fail,
		 char why[static JUDGE_WHY]);
/* The reply has a "disagreement", and no expect-disagreement follows. */
bool judge_agreement(const struct reply_text *r, bool may_disagree,
		     char why[static JUDGE_WHY]);
/* expect: a field is missing or does not compare. */
bool judge_expect(const struct reply_text *r, const char *path,
		  enum field_op op, const char *want,
		  char why[static JUDGE_WHY]);
/* expect-error: the command succeeded, or has neither that kind nor that errno. */
bool judge_error(const struct reply_text *r, const char *want,
		 char why[static JUDGE_WHY]);
/* expect-disagreement: none, or none with @text, which may be NULL. */
bool judge_disagreement(const struct reply_text *r, const char *text,
			char why[static JUDGE_WHY]);
/* The exit status of a machine is not @want. */
bool judge_exit(int status, int want, char why[static JUDGE_WHY]);
/* Returns true if the reply says that a kernel message ended the command, which
 * waited for something else. */
bool judge_ended_by_kernel(const struct reply_text *r);
/* A kernel message that matches no expect-kernel; takes w->lock. @ended: it ended
 * a command. @other: the pid of another process that had a VM, which the message
 * may be about, or "". */
bool judge_kernel(struct watch *w, bool ended, const char *other,
		  char why[static JUDGE_WHY]);
/* Returns true if message @i was expected. The caller holds w->lock. */
bool judge_excused(const struct watch *w, size_t i);
/* A taint that was not there before. */
bool judge_taint(unsigned long before, unsigned long after,
		 char why[static JUDGE_WHY]);
/* expect-fail: it passed, or @text is not in the @reason. */
bool judge_failure(bool failed, const char *reason, const char *text,
		   char why[static JUDGE_WHY]);
/* Leaked memory. */
bool judge_teardown(const struct teardown_found *f, char why[static JUDGE_WHY]);
/* KVM still has the VM of process @pid, which has exited. */
bool judge_vm_gone(bool left, pid_t pid, char why[static JUDGE_WHY]);

#endif
