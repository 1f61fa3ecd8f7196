/* SPDX-License-Identifier: GPL-2.0-only */
/* Look up a tracepoint in tracefs: its id, and the offsets of its fields. */
#ifndef GPCVM_TRACEFS_H
#define GPCVM_TRACEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Open the root of tracefs, for lookups relative to it. If tracefs is not
 * mounted, use a private instance that is never mounted and goes away with the
 * file. *mounted: the mount point, or NULL. -1 and @e on failure.
 */
int tracefs_open(const char **mounted, struct err *e);

struct tracefs_field {
	uint32_t offset, size;
};

/* Return the id of kvm_xyz in @group, and @fields for its @nr @names. -1 if the
 * kernel lacks the tracepoint or one of the fields. */
int tracefs_event(int root, const char *group, const char *name,
		  const char *const *names, struct tracefs_field *fields,
		  unsigned int nr, uint64_t *id, struct err *e);

/* Find a field in @text, the content of the tracepoint's file `format`. */
bool tracefs_find_field(const char *text, const char *name,
			struct tracefs_field *f);

#endif
