/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's kernel during a scenario: its messages and its taint. */
#ifndef GPCVM_SCENARIO_WATCH_H
#define GPCVM_SCENARIO_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct watch {
	pthread_mutex_t lock; /* of all that follows */
	int kmsg;	      /* -1: it cannot be read */
	int kmsg_errno;	      /* why not */
	char **messages;      /* owned, as each message */
	size_t nr;
	size_t mark;	/* earlier ones were expected, or of another machine */
	char **excused; /* owned: texts of expected messages */
	size_t nr_excused;
	bool no_memory;	     /* for a message, or for an excused text */
	unsigned long taint; /* at the start */
	bool has_taint;
	int taint_errno; /* why not */
};

/* Start to watch. */
void watch_open(struct watch *w);
void watch_close(struct watch *w);

/* Read new messages. */
void watch_read(struct watch *w);
/* Have the next watch_expect() look at later messages only. */
void watch_mark(struct watch *w);
/* If there is a message with @text after the mark, set the mark after it and excuse
 * all messages with @text. Returns false if there is none. */
bool watch_expect(struct watch *w, const char *text);
/* Read the taint from @path. Returns false with errno. */
bool watch_read_taint(const char *path, unsigned long *taint);

#endif
