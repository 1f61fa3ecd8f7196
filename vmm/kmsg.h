/* SPDX-License-Identifier: GPL-2.0-only */
/* Host kernel messages of WARNING or worse become events. */
#ifndef GPCVM_KMSG_H
#define GPCVM_KMSG_H

#include "event.h"
#include "loop.h"

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
/* One record of /dev/kmsg: its text (in place), if it is WARNING or worse. */
const char *kmsg_parse(char *record);

#endif
