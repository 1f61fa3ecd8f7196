/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory slots that the user asks for. */
#ifndef GPCVM_PLAN_H
#define GPCVM_PLAN_H

#include "base/num.h"
#include "config/choices.h"

#define MEM_MAX_SLOTS 64
#define MEM_MAX_FILES 16
#define MEM_MIN	      (2 * MIB)
#define MEM_MAX	      TIB
#define MEM_NO_FILE   UINT32_MAX /* a slot with anonymous memory, in any mode */

struct mem_slot_plan {
	uint64_t gpa, size;
	unsigned int file; /* ignored in anon; or MEM_NO_FILE */
	bool shared;	   /* begins shared, if memory can be private */
	uint64_t offset;
};

struct mem_plan {
	enum mem_mode mode;
	bool no_direct_map;
	unsigned int nr;
	struct mem_slot_plan slots[MEM_MAX_SLOTS];
};

/* "GPA,SIZE[,file=N|none][,offset=N][,shared]" */
int mem_slot_parse(const char *s, struct mem_slot_plan *out, struct err *e);
/* Check alignment, and overlap of slots in guest memory and in their files. */
int mem_plan_check(const struct mem_plan *plan, struct err *e);

#endif
