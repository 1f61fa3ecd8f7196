/* SPDX-License-Identifier: GPL-2.0-only */
/* The state that clients and tools keep per machine. */
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

/* Difference between the guest's time and the VM's clock at the first read, ns,
 * with an error of at most @slack: guest_time.h. */
struct time_base {
	bool there;
	int64_t ahead;
	uint64_t slack;
};

struct session {
	struct machine *m;
	const struct command_table *commands;
	struct request_watch watch; /* its functions may be NULL */
	struct pending *pending; /* pending requests; set by pending_init() */

	struct leak *leak;
	struct poisoner *poisoner; /* --poison, or NULL; main thread */
	_Atomic uint64_t poisoned; /* number of pages */

	/* At most one storm runs. */
	_Atomic bool storm, storm_stop; /* it runs; it was told to stop */

	struct time_base time_base; /* under pv.clock_lock */
	struct record *record; /* may be NULL; main thread, like @changed */
	bool changed;	       /* by a command that is not read-only */

	struct keeper *keeper; /* NULL without --control; main thread */
	uid_t starter;	       /* the uid that started gpcvm */
};

#endif
