/* SPDX-License-Identifier: GPL-2.0-only */
/* The client's end of a control socket: requests out, lines in. */
#ifndef GPCVM_CTL_LINK_H
#define GPCVM_CTL_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "ctl/ctl_args.h"
#include "ctl/ctl_render.h"

/* The longest line from a machine, and the most that may wait to be taken: far
 * above any reply of gpcvm's, the longest of which is below 2 MiB. */
#define LINK_MAX ((size_t)16 << 20)

struct ctl_link {
	int fd;
	bool closed; /* the machine's end is; lines may be left in the buffer */
	char *buf;
	size_t start, len, cap; /* lines not yet taken: buf[start..len) */
	size_t seen;		/* no newline before it */
	unsigned long waiting;	/* requests without a reply so far */
	int os_errno;		/* why it was closed; 0: by the peer */
	bool too_long;		/* LINK_MAX was reached; closed as well */
	bool quit_answered;	/* with success, and nothing was sent since */
};

/* Connect to @path; for up to @wait_s seconds also to one that is not there
 * yet or that nobody listens at yet. */
int link_open(struct ctl_link *l, const char *path, unsigned int wait_s,
	      struct err *e);
void link_close(struct ctl_link *l);
/* The process that listens; 0: not known. */
pid_t link_peer(const struct ctl_link *l);

/* Send one request. -1: the connection is lost. Takes in what arrives
 * meanwhile, so that two full buffers do not block each other. */
int link_send(struct ctl_link *l, const struct ctl_request *q);

/* Read what is there, without waiting. -1 if memory ran out, or too_long. */
int link_fill(struct ctl_link *l);

/* What is wrong at the other end, or here, after a -1. */
/* Fill @e with why it ended; -1. */
int link_lost(const struct ctl_link *l, struct err *e);
const char *link_trouble(const struct ctl_link *l);

/* Wait for the next line, or until @halt (an fd; -1: none) is readable: returns
 * 0, or 1 for the latter. -1: no more will come, or as link_fill(). */
int link_wait(struct ctl_link *l, int halt);

/* The next whole line without its newline, NUL-terminated, or NULL. Belongs to
 * @l until the next link_fill() or link_send(). */
const char *link_line(struct ctl_link *l, size_t *n);

/* To call with each line: counts replies. Returns what it is. */
enum reply_kind link_account(struct ctl_link *l, const char *line, size_t n);

#endif
