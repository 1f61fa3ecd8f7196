/* SPDX-License-Identifier: GPL-2.0-only */
/* The client's side of a control socket: send requests, receive lines. */
#ifndef GPCVM_CTL_LINK_H
#define GPCVM_CTL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "ctl/ctl_args.h"
#include "ctl/ctl_render.h"

/* Limit of a line and of the buffered input. gpcvm's
 * longest reply is below 2 MiB. */
#define LINK_MAX ((size_t)16 << 20)

struct ctl_link {
	int fd;
	bool closed; /* by the machine; the buffer may still hold lines */
	char *buf;
	size_t start, len, cap; /* lines not taken yet: buf[start..len) */
	size_t seen;		/* offset up to which there is no newline */
	unsigned long waiting;	/* requests without a reply */
	int os_errno;		/* why it was closed; 0: by the peer */
	bool too_long;		/* LINK_MAX was reached; closed is set, too */
	bool quit_answered;	/* with success, and nothing was sent since */
};

/* Connect to @path. Retry for up to @wait_s seconds if it does not
 * exist or nobody listens yet. */
int link_open(struct ctl_link *l, const char *path, unsigned int wait_s,
	      struct err *e);
void link_close(struct ctl_link *l);
/* Return the pid of the listener; 0: unknown. */
pid_t link_peer(const struct ctl_link *l);

/* Send a request. Reads input meanwhile, so that two full buffers do not block
 * each other. Returns -1 if the connection is lost. */
int link_send(struct ctl_link *l, const struct ctl_request *q);

/* Read without waiting. Returns -1 without memory, or if too_long. */
int link_fill(struct ctl_link *l);

/* Fill in @e with the reason why the connection ended; returns -1. */
int link_lost(const struct ctl_link *l, struct err *e);
const char *link_trouble(const struct ctl_link *l);

/* Wait for the next line, or until @cancel (an fd; -1: none) is readable. Returns
 * 0, 1 for the latter, or -1 if no line will come, or as link_fill(). */
int link_wait(struct ctl_link *l, int cancel);

/* Return the next complete line, NUL-terminated without its newline, or NULL.
 * Valid until the next link_fill() or link_send(). */
const char *link_line(struct ctl_link *l, size_t *n);

/* Call for each line: counts replies and returns the line's kind. */
enum reply_kind link_account(struct ctl_link *l, const char *line, size_t n);

#endif
