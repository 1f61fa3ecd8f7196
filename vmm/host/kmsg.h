/* SPDX-License-Identifier: GPL-2.0-only */
/* Turn kernel messages of the host into events, if they are WARNING or
 * worse. */
#ifndef GPCVM_KMSG_H
#define GPCVM_KMSG_H

#include "base/event.h"
#include "base/loop.h"

struct kmsg {
	struct events *events;
	struct loop *loop;
	int fd; /* -1: not permitted */
	struct loop_source source;
};

/* Open /dev/kmsg at its end; needs privileges. Never fails: an event reports
 * why the log cannot be read. */
void kmsg_open(struct kmsg *k, struct events *ev, struct loop *loop);
void kmsg_close(struct kmsg *k);
/* The same without a loop. kmsg_open_end() returns the fd, or -errno;
 * kmsg_next() returns one message after another, NULL when there is none for
 * now. The text is in @buf, or a constant. */
#define KMSG_RECORD 8193 /* above the kernel's PRINTKRB_RECORD_MAX */
int kmsg_open_end(void);
const char *kmsg_next(int fd, char buf[static KMSG_RECORD]);
/* Parse a record of /dev/kmsg in place. Returns its text if it is WARNING or
 * worse and does not merely report a slow machine; else NULL. */
const char *kmsg_parse(char *record);

#endif
