/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket: clients, lines in, replies and events out. All of it on
 * the main thread. */
#ifndef GPCVM_CONTROL_H
#define GPCVM_CONTROL_H

#include "control/session.h"

struct control;

/* Have s->keeper bind cfg->control (mode 0600), replacing the socket of a gpcvm
 * that is gone, and listen. NULL and an error where that cannot be. */
struct control *control_open(struct session *s, struct err *e);
/* Send what is still to be sent, end the keeper, close everything. */
void control_close(struct control *c);

#endif
