/* SPDX-License-Identifier: GPL-2.0-only */
/* What clients and tools keep of a machine, beside the machine itself. */
#ifndef GPCVM_SESSION_H
#define GPCVM_SESSION_H

#include <sys/types.h>

#include "base/command.h"
#include "control/request.h"
#include "machine/machine.h"

struct keeper;
struct leak;
struct poisoner;
struct record;

/* How far the guest's time was ahead of the VM's clock when it was first read,
 * ns, give or take @slack: guest_time.h. */
struct time_base {
	bool there;
	int64_t ahead;
	uint64_t slack;
};

struct session {
	struct machine *m;
	const struct command_table *commands;
	struct request_watch watch; /* whose functions may be NULL */
	struct pending *pending; /* requests under way; set by pending_init() */

	struct leak *leak;
	struct poisoner *poisoner; /* --poison; NULL. Main thread */
	_Atomic uint64_t poisoned; /* pages */

	/* A storm: there is at most one. */
	_Atomic bool storm, storm_stop; /* runs; was told to end */

	struct time_base time_base; /* under pv.clock_lock */
	struct record *record;	    /* NULL; main thread, as the next one */
	bool changed;		    /* by a command that does more than look */

	struct keeper *keeper; /* NULL: no --control; main thread */
	uid_t starter;	       /* who started gpcvm: root's uid, or a user's */
};

#endif
