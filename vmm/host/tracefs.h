/* SPDX-License-Identifier: GPL-2.0-only */
/* What tracefs says about a tracepoint: its number, and where its fields are. */
#ifndef GPCVM_TRACEFS_H
#define GPCVM_TRACEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The root of tracefs, as a file to look things up from. Where it is mounted
 * nowhere it is opened without being mounted: nobody else sees that, and it is
 * gone with the file. *mounted: the path, or NULL. -1: why not.
 */
int tracefs_open(const char **mounted, struct err *e);

struct tracefs_field {
	uint32_t offset, size;
};

/* The number of kvm_xyz in @group, and @fields of it by their @nr @names. -1:
 * the kernel has none, or one without such a field. */
int tracefs_event(int root, const char *group, const char *name,
		  const char *const *names, struct tracefs_field *fields,
		  unsigned int nr, uint64_t *id, struct err *e);

/* A field in @text, the event's file `format`: false if there is none. */
bool tracefs_find_field(const char *text, const char *name,
			struct tracefs_field *f);

#endif
