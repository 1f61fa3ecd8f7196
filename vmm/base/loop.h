/* SPDX-License-Identifier: GPL-2.0-only */
/* The main thread's epoll loop. */
#ifndef GPCVM_LOOP_H
#define GPCVM_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

/* Something to wait for; lives as long as it is in the loop. */
struct loop_source {
	int fd;					   /* not owned */
	void (*ready)(void *arg, uint32_t events); /* EPOLL* bits */
	void *arg;
};

struct loop {
	int fd;
	bool stop;
	uint64_t poll_ns; /* look for so long before going to sleep */
};

int loop_init(struct loop *l, struct err *e);
void loop_free(struct loop *l);
/* Returns -1 with errno (EPERM: a plain file, which is always ready). */
int loop_add(struct loop *l, struct loop_source *s, uint32_t events);
int loop_change(struct loop *l, struct loop_source *s, uint32_t events);
void loop_remove(struct loop *l, struct loop_source *s);
/* From any thread: make an eventfd ready. Where the loop misses that it sleeps for
 * good, so what may pass is tried again. */
void loop_wake(int eventfd);
/* Until loop->stop is set. @idle, if not NULL, runs after each batch. */
void loop_run(struct loop *l, void (*idle)(void *arg), void *arg);

#endif
