/* SPDX-License-Identifier: GPL-2.0-only */
/* What a machine changes of the host and restores at its end. The player saves it
 * before the start, so that it can restore it after a machine that was killed. */
#ifndef GPCVM_SCENARIO_VM_HOST_H
#define GPCVM_SCENARIO_VM_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "host/delay.h"

struct vm_host {
	bool saved;
	/* The file at the control socket's path; st_ino 0: none. */
	struct stat socket;
	struct delays delays;	 /* owned once saved */
	uint32_t before[DELAYS]; /* in us; only root can read them */
	bool has_delays;
};

void vm_host_save(struct vm_host *h, const char *socket);
/* After a machine that was killed: remove its @socket if nobody listens there, and
 * restore the kernel's delays. Prints errors. */
void vm_host_restore(struct vm_host *h, const char *socket);
void vm_host_free(struct vm_host *h);

#endif
