/* SPDX-License-Identifier: GPL-2.0-only */
/* What a scenario's machine changes of the host and puts back at its end, seen
 * before it starts, so that the player can do so where it was killed. */
#ifndef GPCVM_SCENARIO_VM_HOST_H
#define GPCVM_SCENARIO_VM_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "host/delay.h"

struct vm_host {
	bool seen;
	/* What was at the control socket's path; st_ino 0: nothing. */
	struct stat socket;
	struct delays delays;	 /* owned once seen */
	uint32_t before[DELAYS]; /* in us; only root can see them */
	bool has_delays;
};

void vm_host_see(struct vm_host *h, const char *socket);
/* The machine was killed: remove its @socket if nobody listens there, and put the
 * kernel's delays back. Messages say what cannot be done. */
void vm_host_put_back(struct vm_host *h, const char *socket);
void vm_host_free(struct vm_host *h);

#endif
