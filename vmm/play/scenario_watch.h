/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's kernel while a scenario runs: its messages, and its taint. */
#ifndef GPCVM_SCENARIO_WATCH_H
#define GPCVM_SCENARIO_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct watch {
	pthread_mutex_t lock; /* of all that follows */
	int kmsg;	      /* -1: it cannot be read */
	int kmsg_errno;	      /* then */
	char **messages;      /* owned, each too */
	size_t nr, cap;
	size_t mark; /* those before it were expected, or of another machine */
	char **excused; /* owned: a message with one of them is expected */
	size_t nr_excused;
	bool no_memory;	     /* for a message, or for what excuses one */
	unsigned long taint; /* at the beginning */
	bool has_taint;
	int taint_errno; /* of reading it; 0: it was read */
};

/* From here on. */
void watch_open(struct watch *w);
void watch_close(struct watch *w);

/* Take in what has come. */
void watch_read(struct watch *w);
/* What comes from now on counts for the next watch_expect(). */
void watch_mark(struct watch *w);
/* A message with @text has come since the mark: excuse all with that text, mark
 * behind it. */
bool watch_expect(struct watch *w, const char *text);
/* /proc/sys/kernel/tainted, in @path; false and errno where it cannot be
 * read. */
bool watch_read_taint(const char *path, unsigned long *taint);

#endif
