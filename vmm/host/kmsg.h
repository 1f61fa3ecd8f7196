/* SPDX-License-Identifier: GPL-2.0-only */
/* Host kernel messages of WARNING or worse: read, and made events. */
#ifndef GPCVM_KMSG_H
#define GPCVM_KMSG_H

#include "base/event.h"
#include "base/loop.h"

struct kmsg {
	struct events *events;
	struct loop *loop;
	int fd; /* -1: it may not be read */
	struct loop_source source;
};

/* Open it at its end, while there are the rights to; an event says why where
 * it cannot be. Never fails. */
void kmsg_open(struct kmsg *k, struct events *ev, struct loop *loop);
void kmsg_close(struct kmsg *k);
/* The same without a loop: the fd, or -errno; then message by message, NULL
 * when there is none left for now. The text is in @buf, or a constant. */
#define KMSG_RECORD 8193 /* the kernel's PRINTKRB_RECORD_MAX is less */
int kmsg_open_end(void);
const char *kmsg_next(int fd, char buf[static KMSG_RECORD]);
/* One record of /dev/kmsg: its text (in place), if it is WARNING or worse and
 * does not only tell that the machine is slow. */
const char *kmsg_parse(char *record);

#endif
