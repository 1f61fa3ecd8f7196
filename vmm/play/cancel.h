/* SPDX-License-Identifier: GPL-2.0-only */
/* What cancels a scenario: a signal, its time limit, or a failure in another branch.
 * All make one fd readable, which every wait polls as well. */
#ifndef GPCVM_CANCEL_H
#define GPCVM_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct cancel {
	int fd; /* readable once cancelled, and from then on */
	int signals, timer, stop;
	int signo; /* the first signal; 0: none */
};

enum cancel_why { CANCEL_NOT, CANCEL_STOPPED, CANCEL_TIME, CANCEL_SIGNAL };

/* Keep SIGINT, SIGTERM and SIGHUP for cancel_open(): they no longer end the
 * process. */
void cancel_block_signals(void);
/* Undo that in a child, before exec. */
void cancel_unblock_signals(void);

/* Start; cancels after @limit_s seconds. */
int cancel_open(struct cancel *c, unsigned int limit_s, struct err *e);
void cancel_close(struct cancel *c);
/* Cancel because a thread has failed; cancel_undo() takes it back. */
void cancel_stop(const struct cancel *c);
void cancel_undo(const struct cancel *c);
/* Returns true if a signal came since the last call. Main thread. */
bool cancel_signal(struct cancel *c);
enum cancel_why cancel_why(struct cancel *c);

/* Wait until @fd (-1: none) is readable. Returns 0; 1 after @ms (-1: no limit); -1
 * when cancelled. */
int cancel_poll(const struct cancel *c, int fd, int ms);

#endif
