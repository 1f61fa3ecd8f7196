/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which gfns are private. KVM lets userspace set this
 * (KVM_SET_MEMORY_ATTRIBUTES) but not read it back, so gpcvm keeps what it set:
 * a sorted list of the private runs. The rest is shared, KVM's default.
 */
#ifndef GPCVM_ATTRS_H
#define GPCVM_ATTRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct attr_run {
	uint64_t start, end; /* bytes, end exclusive */
};

struct attrs {
	struct attr_run *runs; /* owned */
	size_t nr, cap;
};

void attrs_init(struct attrs *a);
void attrs_free(struct attrs *a);
/* Set start..end. Returns 0, or -1 when memory runs out (nothing changed
 * then). */
int attrs_set(struct attrs *a, uint64_t start, uint64_t end, bool private);
bool attrs_private(const struct attrs *a, uint64_t gpa);
/* Return the number of private bytes in start..end. */
uint64_t attrs_private_bytes(const struct attrs *a, uint64_t start,
			     uint64_t end);
/* Find the first shared run from *start to @end and store its beginning in
 * *start; false if there is none. */
bool attrs_next_shared(const struct attrs *a, uint64_t *start, uint64_t end,
		       uint64_t *len);

#endif
