/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a running machine prints: stdout, which is the guest's serial port, and
 * stderr, gpcvm's messages. Both go through a bounded buffer, and a thread per
 * file does the writing, which blocks where nobody reads. O_NONBLOCK is not
 * used: it belongs to the open file, which others share (fcntl(2), F_SETFL).
 *
 * Nobody but that thread ever waits for a reader. A message that does not fit is
 * dropped, and a line tells how many were. The guest's output is not dropped: a
 * vCPU does not go on while out_full().
 */
#ifndef GPCVM_OUT_H
#define GPCVM_OUT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Buffer what is printed from here on. Where both files are the same, so is the
 * buffer, and the order stays. A thread that writes is made by who prints first,
 * and has its rights and blocked signals: give up rights and block signals before.
 * @vcpus: that may print at once. 0 or an errno; a second call does nothing.
 */
int out_start(unsigned int vcpus);
/*
 * Write what is left, as long as somebody reads: end after 3 s without
 * progress, half a second once there was a SIGINT, SIGTERM or SIGHUP, which are
 * blocked, and after 30 s in all. Whatever comes later is dropped.
 */
void out_finish(void);

/* The guest's output, any length. What does not fit is dropped. */
void out_guest(const void *buf, size_t len);
/* Is more in the buffer than it is to hold? The caller's vCPU waits. */
bool out_full(void);
/* The errno of a write to stdout that failed, or 0. */
int out_error(void);

/* Whole lines to stderr. False before out_start(), or where no thread can be had:
 * the caller writes them. */
bool out_message(const char *text, size_t len);

#endif
