/* SPDX-License-Identifier: GPL-2.0-only */
/* The handlers of the commands in commands.c, defined in cmd_*.c. */
#ifndef GPCVM_HANDLERS_H
#define GPCVM_HANDLERS_H

#include "control/request.h"

int cmd_help(struct request *rq);
int cmd_status(struct request *rq);
int cmd_caps(struct request *rq);
int cmd_gpc(struct request *rq);
int cmd_punch(struct request *rq);
int cmd_allocate(struct request *rq);
int cmd_attr(struct request *rq);
int cmd_prefault(struct request *rq);
int cmd_poison(struct request *rq);
int cmd_slot(struct request *rq);
int cmd_pv(struct request *rq);
int cmd_poke(struct request *rq);
int cmd_check(struct request *rq);
int cmd_guest(struct request *rq);
int cmd_vcpu(struct request *rq);
int cmd_mem(struct request *rq);
int cmd_leak(struct request *rq);
int cmd_delay(struct request *rq);
int cmd_record(struct request *rq);
int cmd_log(struct request *rq);
int cmd_subscribe(struct request *rq);
int cmd_quit(struct request *rq);

#endif
