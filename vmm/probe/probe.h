/* SPDX-License-Identifier: GPL-2.0-only */
/* `gpcvm probe` and the `caps` command: report what the kernel supports, what
 * gpcvm does with it, and what is missing. */
#ifndef GPCVM_PROBE_H
#define GPCVM_PROBE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

enum probe_state {
	PROBE_YES,
	PROBE_NO,
	PROBE_UNKNOWN, /* could not be tried: see the detail */
};

struct probe_row {
	const char *name; /* "guest-memfd", "vm-types", "kcore" ... */
	enum probe_state state;
	bool tried; /* tested by gpcvm, not only as reported by the kernel */
	char value[96];	  /* the result: "flags 0x3 (MMAP INIT_SHARED)" */
	char use[128];	  /* what gpcvm needs it for */
	char detail[192]; /* why it is NO or UNKNOWN, and what would help */
};

#define PROBE_MAX 40

struct probe {
	struct probe_row rows[PROBE_MAX];
	unsigned int nr;
	const char *family;    /* gmem_family_names[] */
	const char *best_mode; /* the mode --memory auto takes; NULL: none */
};

/* Fill in all rows of @p, or only the row named @only: trying all takes a while.
 * If @dev cannot be opened, return -1 and the reason, with the rows filled in
 * that do not need KVM. @p->best_mode depends on several rows. */
int probe_run(struct probe *p, const char *dev, const char *only,
	      struct err *e);
/* Add members to an object that the caller has opened. */
void probe_json(const struct probe *p, struct json *j);
/* Run `gpcvm probe [--json] [--device PATH]` and return the exit status. */
int probe_main(int argc, char **argv);

#endif
