/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket: clients, requests, replies and
 * events. Main thread only. */
#ifndef GPCVM_CONTROL_H
#define GPCVM_CONTROL_H

#include "control/session.h"

struct control;

/* Have s->keeper bind cfg->control (mode 0600) and listen. Replaces the socket
 * of a gpcvm that has ended. Returns NULL and an error on failure. */
struct control *control_open(struct session *s, struct err *e);
/* Flush the output, end the keeper, close everything. */
void control_close(struct control *c);

#endif
