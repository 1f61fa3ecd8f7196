/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which gfns are private: KVM can be told (KVM_SET_MEMORY_ATTRIBUTES) but not
 * asked, so gpcvm remembers what it set. A sorted list of the private runs;
 * what is in none of them is shared, KVM's own default.
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
/* Returns 0, or -1 when memory runs out (nothing changed then). */
int attrs_set(struct attrs *a, uint64_t start, uint64_t end, bool private);
bool attrs_private(const struct attrs *a, uint64_t gpa);
/* How many bytes of start..end are private. */
uint64_t attrs_private_bytes(const struct attrs *a, uint64_t start,
			     uint64_t end);
/* The first shared run from *start to @end: false where there is none, else
 * *start is where it begins. */
bool attrs_next_shared(const struct attrs *a, uint64_t *start, uint64_t end,
		       uint64_t *len);

#endif
