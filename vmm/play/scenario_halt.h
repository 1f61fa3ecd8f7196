/* SPDX-License-Identifier: GPL-2.0-only */
/* What ends a scenario before its time, as one fd that everybody who waits for
 * something else waits for as well. */
#ifndef GPCVM_SCENARIO_HALT_H
#define GPCVM_SCENARIO_HALT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct halt {
	int fd; /* readable once all is to end, and from then on */
	int signals, timer, stop;
	int signo; /* the first signal; 0: none was seen */
};

enum halt_why { HALT_NOT, HALT_STOPPED, HALT_TIME, HALT_SIGNAL };

/* SIGINT, SIGTERM and SIGHUP no longer end the process: they are for
 * halt_open(). */
void halt_block_signals(void);
/* And again they do; for a child, before exec. */
void halt_unblock_signals(void);

/* @limit_s: after so many seconds; 0: never. */
int halt_open(struct halt *h, unsigned int limit_s, struct err *e);
void halt_close(struct halt *h);
/* Another thread has failed; halt_go_on() takes it back. */
void halt_stop(const struct halt *h);
void halt_go_on(const struct halt *h);
/* Has another signal come since this was asked? Main thread. */
bool halt_signal(struct halt *h);
enum halt_why halt_why(struct halt *h, int *signo);

/* Wait until @fd (-1: none) is readable. 0; 1 after @ms (-1: no limit); -1 when
 * all is to end. */
int halt_poll(const struct halt *h, int fd, int ms);

#endif
