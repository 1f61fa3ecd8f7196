/* SPDX-License-Identifier: GPL-2.0-only */
/* Internal to the files of memory. */
#ifndef GPCVM_MEMORY_PIECE_H
#define GPCVM_MEMORY_PIECE_H

#include "memory/memory.h"

/* Return the first piece of a checked range; false at its end. Lock held. */
bool memory_piece(struct memory *m, uint64_t gpa, uint64_t len,
		  struct mem_piece *p);
/* memory_check() with the lock held. */
int memory_check_locked(struct memory *m, uint64_t gpa, uint64_t len,
			uint64_t align, struct err *e);
/* Fail (state) if the piece's file is closed. */
int memory_open_locked(struct memory *m, const struct mem_piece *p,
		       struct err *e);
/* memory_pfn() with the lock held. */
int memory_pfn_locked(struct memory *m, uint64_t gpa, uint64_t *pfn);
/* Fault in what is about to be written; -1 and errno. */
int memory_populate(const struct mem_piece *p);
/* Set slot @id in KVM; size 0 deletes it. Returns 0 or -errno. */
int memory_bind(struct memory *m, unsigned int id, uint64_t gpa, uint64_t size);

#endif
