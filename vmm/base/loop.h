/* SPDX-License-Identifier: GPL-2.0-only */
/* The main thread's epoll loop. */
#ifndef GPCVM_LOOP_H
#define GPCVM_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

/* A file to wait for. The caller keeps it until loop_remove(). */
struct loop_source {
	int fd;					   /* not owned */
	void (*ready)(void *arg, uint32_t events); /* EPOLL* bits */
	void *arg;
};

struct loop {
	int fd;
	bool stop;
	uint64_t poll_ns; /* how long to poll before sleeping */
};

int loop_init(struct loop *l, struct err *e);
void loop_free(struct loop *l);
/* Return -1 with errno (EPERM: a regular file, which is always ready). */
int loop_add(struct loop *l, struct loop_source *s, uint32_t events);
int loop_change(struct loop *l, struct loop_source *s, uint32_t events);
void loop_remove(struct loop *l, struct loop_source *s);
/* Signal an eventfd, from any thread. Transient failures are retried: the loop
 * would sleep for ever if it missed this. */
void loop_wake(int eventfd);
/* Run until loop->stop is set. @idle, if not NULL, runs after each batch. */
void loop_run(struct loop *l, void (*idle)(void *arg), void *arg);

#endif
