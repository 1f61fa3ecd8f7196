/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine's memory and a model of its caches, for the tests of the model. */
#ifndef GPCVM_MODEL_WORLD_H
#define GPCVM_MODEL_WORLD_H

#include "unit.h"
#include "base/num.h"
#include "pv/model.h"

#define SLOT   (16 * MIB) /* slot 1: file 1 from OFFSET on */
#define OFFSET (2 * MIB)
#define AWAY   (64 * MIB) /* where slot 1 is moved to */
#define TWIN   (32 * MIB) /* slot 2: more of file 1 */
#define BARE   (48 * MIB) /* slot 3: no file */
#define GPA    (SLOT + 8 * PAGE_SIZE)
#define SIZE   64

struct world {
	struct memory mem;
	struct model model;
	struct mem_file *file;
};

/* All private memory starts out private. @nr pv pages, all off. */
void world_make(struct world *w, enum mem_mode mode, enum gmem_family family,
		unsigned int nr);
void world_drop(struct world *w);
/* Entry 0 has one cache on each side of a page boundary. */
void world_split(struct world *w, enum gmem_family family);

/* Operations of the host. */
void world_change(struct world *w, enum mem_change_kind kind, uint64_t gpa,
		  uint64_t len);
void world_convert(struct world *w, uint64_t gpa, uint64_t len, bool private);
void world_close_file(struct world *w);
void world_delete_slot(struct world *w);
void world_restore_slot(struct world *w, uint64_t gpa);
/* Poke or check entry @i; return the expected verdict. */
enum model_expect world_use(struct world *w, unsigned int i);
/* Run one operation, given by its letter, on the page of entry 0 at @gpa. */
void world_act(struct world *w, char op, uint64_t gpa);
/* Describe cache @k of entry @i as "valid private owed 1 present fresh": its
 * state, the references on its page, the direct map of the guest's page, and
 * the expected verdict. Valid until the next call. */
const char *world_state(struct world *w, unsigned int i, unsigned int k);

#endif
