/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The output of a running machine: stdout, which is the guest's serial port,
 * and stderr, for gpcvm's messages. Each goes through a bounded buffer. A
 * thread per file writes it, and blocks if nobody reads. O_NONBLOCK is no
 * alternative: it applies to the open file description, which other processes
 * share (fcntl(2), F_SETFL).
 *
 * No other thread ever waits for a reader. A message that does not fit is
 * dropped, and a line counts those dropped. Guest output is not dropped: a vCPU
 * waits while out_full().
 */
#ifndef GPCVM_OUT_H
#define GPCVM_OUT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Buffer all output from here on. If both files are the same they share one
 * buffer, which preserves the order. The first caller that prints creates the
 * writer thread, which inherits the caller's rights and signal mask: drop
 * rights and block signals first. @vcpus may print at the same time. Returns 0
 * or an errno; a second call does nothing.
 */
int out_start(unsigned int vcpus);
/*
 * Flush the rest while somebody reads. Stops after 3 s without progress,
 * after 30 s in all, and after half a second without progress once SIGINT,
 * SIGTERM or SIGHUP, which must be blocked, is pending. Later output is
 * dropped.
 */
void out_finish(void);

/* Write guest output of any length; drops what does not fit. */
void out_guest(const void *buf, size_t len);
/* Is the buffer above its limit? The caller's vCPU must then wait. */
bool out_full(void);
/* Return the errno of a failed write to stdout, or 0. */
int out_error(void);

/* Write whole lines to stderr. False before out_start(), or if the thread
 * cannot be created: the caller then writes them. */
bool out_message(const char *text, size_t len);

#endif
