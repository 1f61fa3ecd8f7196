/* SPDX-License-Identifier: GPL-2.0-only */
/* `gpcvm probe` and the `caps` command: what the kernel offers, what gpcvm can
 * do with it, what is missing. */
#ifndef GPCVM_PROBE_H
#define GPCVM_PROBE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

enum probe_state {
	PROBE_YES,
	PROBE_NO,
	PROBE_UNKNOWN, /* could not be tried: the detail says why */
};

struct probe_row {
	const char *name; /* "guest-memfd", "vm-types", "kcore" ... */
	enum probe_state state;
	bool tried;	  /* done, not only asked for */
	char value[96];	  /* what was seen: "flags 0x3 (MMAP INIT_SHARED)" */
	char use[128];	  /* what gpcvm does with it / cannot do without */
	char detail[192]; /* the reason of a NO or UNKNOWN, what would help */
};

#define PROBE_MAX 40

struct probe {
	struct probe_row rows[PROBE_MAX];
	unsigned int nr;
	const char *family;    /* gmem_family_names[] */
	const char *best_mode; /* what --memory auto takes; NULL: none */
};

/* Fills @p with all rows; where @dev cannot be opened returns -1 and the
 * reason, with the rows that need no KVM filled. */
int probe_run(struct probe *p, const char *dev, struct err *e);
/* The same with the row of that name only, if there is one: trying all takes a
 * while. What follows from several rows is not told. */
int probe_run_row(struct probe *p, const char *dev, const char *row,
		  struct err *e);
/* As members of an object that the caller has opened. */
void probe_json(const struct probe *p, struct json *j);
/* `gpcvm probe [--json] [--device PATH]`; returns the exit status. */
int probe_main(int argc, char **argv);

#endif
