/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What gpcvm expects of KVM's caches, from what it did to memory and to the pv
 * pages. It follows what a correct kernel does, of the family that this one is
 * of. No verdict is made from it: it is only compared with what the guest saw
 * and with what is measured.
 *
 *                  punch, error_remove_folio,   attribute    slot deleted
 *                  last close of the file       change
 * private, gpc     invalid; reference given     invalid;     invalid;
 *                  up without unmapping         still held   still held
 * by mmu notifier  invalid                      -            invalid (by gpa)
 * ghc              -                            -            invalid
 *
 * "private" is a gpc that resolves its private gfn through gmem: kernels of the
 * family direct-map-2024 do that. Those before write the shared alias instead,
 * which is at an address of userspace and follows the mmu notifier, as
 * everything does that is not private (virt/kvm/pfncache.c,
 * gfn_to_pfn_cache_invalidate_start). A ghc holds an address of userspace only
 * (virt/kvm/kvm_main.c, __kvm_gfn_to_hva_cache_init).
 *
 * KVM may use a cache whenever its vCPU runs, without being asked to. So after
 * an invalidation `valid` says what was left behind, and what depends on whether
 * KVM has used it since is unknown.
 */
#ifndef GPCVM_MODEL_H
#define GPCVM_MODEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "memory/memory.h"

/* What a check of a page will find. */
enum model_expect {
	EXPECT_UNKNOWN,
	EXPECT_FRESH,
	EXPECT_STALE, /* KVM writes where the guest does not look */
	EXPECT_ABSENT,
};

/* Where KVM's writes go when it uses the cache. */
enum model_writes {
	MODEL_WRITES_UNKNOWN,
	MODEL_WRITES_PAGE,    /* the page that the guest has there */
	MODEL_WRITES_ALIAS,   /* the shared alias; the guest has another page */
	MODEL_WRITES_OTHER,   /* by hva, what another slot had at the gpa */
	MODEL_WRITES_NOWHERE, /* it cannot be refreshed */
};

enum model_map { MODEL_MAP_UNKNOWN, MODEL_MAP_ABSENT, MODEL_MAP_PRESENT };

/* A page of host memory: of gmem file @space, or at MODEL_HOST + n of what slot
 * n has mapped. A punch makes it another one; what held it has given it up. */
#define MODEL_HOST MEM_MAX_FILES

struct model_page {
	unsigned int space;
	uint64_t index;
};

struct model_cache {
	uint64_t gpa; /* of its page */
	bool active;
	bool sure; /* what follows is certain; where not, none of it is known */
	bool valid;
	bool private; /* resolved through gmem */
	bool held;    /* it holds a sharing reference on @page */
	bool loose; /* invalidated, and only KVM itself can have used it since */
	bool lost;  /* ... and may hold one on a page that it was at before */
	struct model_page page; /* that it was resolved to */
	/* By hva: what is at the address that KVM was given, for as long as it
	 * is on, whatever slot the guest has at the gpa. */
	bool has_host;
	struct model_page host;
};

/* A pv page: one cache, or two where it lies across two pages. */
struct model_entry {
	uint64_t gpa; /* those of a page that is off are kept */
	uint32_t size, align;
	bool on, by_hva, ghc;
	bool fragile;	/* KVM does not write all of it at each use */
	uint32_t kept;	/* offset of a byte that it writes in part; 0: none */
	bool scribbled; /* ... and gpcvm had the guest write there */
	bool written; /* gpcvm had the guest write anywhere, since the last use */
	uint64_t epoch; /* how often something was done to its memory */
	unsigned int nr;
	struct model_cache cache[2];
};

#define MODEL_BAD 64

struct model {
	struct memory *memory; /* its lock comes before this one's */
	pthread_mutex_t lock;
	struct model_entry *entries; /* owned; as the pv pages are counted */
	unsigned int nr;
	struct mem_change *flying;	/* what is being done right now */
	_Atomic unsigned int under_way; /* how much, those of a storm too */
	_Atomic bool suspended;
	bool unsettled;	     /* resumed while something was under way */
	uint64_t changes;    /* of all that is in here */
	unsigned int nr_bad; /* of MODEL_BAD; one more: too many */
	struct model_page bad[MODEL_BAD]; /* poisoned, and not punched since */
};

/* Watches @mem from here on. All @nr entries are off. */
int model_init(struct model *m, struct memory *mem, unsigned int nr,
	       struct err *e);
void model_free(struct model *m);

/* ---- what is done; any thread, no lock of memory held ------------------- */

/* What entry @i is: before it is on. */
struct model_kind {
	uint32_t size, align; /* of its gpa */
	bool ghc, fragile;
	uint32_t kept;
};

void model_describe(struct model *m, unsigned int i,
		    const struct model_kind *k);
/* The cache was switched: on and resolved, elsewhere, or off. */
void model_switch(struct model *m, unsigned int i, uint64_t gpa, bool on,
		  bool by_hva);
/* The guest writes gpa..gpa+len because gpcvm wants it to: what KVM does not
 * write over may then be found inconsistent. */
void model_scribble(struct model *m, uint64_t gpa, uint64_t len);

/* Before KVM is made to use a cache, and after it has. */
struct model_use {
	uint64_t epoch;
	bool clear;   /* nothing else was done to the same memory */
	bool nowhere; /* there was no page that KVM could have written */
	bool look;    /* KVM was not made to use it */
	enum model_expect expect;
};

void model_begin(struct model *m, unsigned int i, struct model_use *u);
/* Before the guest reads what is there: KVM is not made to do anything. */
void model_begin_look(struct model *m, unsigned int i, struct model_use *u);
/* What the guest should have seen; unknown, and so is the cache from here on,
 * where something else was done to the same memory meanwhile. Then @u->nowhere is
 * false. */
enum model_expect model_end(struct model *m, unsigned int i,
			    struct model_use *u);
/* It may have used it or not. */
void model_doubt(struct model *m, unsigned int i);

/* Too much was done at once to follow it: what is not certain is unknown until
 * the next poke or check. */
void model_blur(struct model *m);
/* For as long as that goes on: nothing is followed, which costs nothing. */
void model_suspend(struct model *m);
void model_resume(struct model *m);

/* ---- what is expected; any thread, no lock of memory held --------------- */

/* Of the page that the guest has at @gpa. *changes: where that is the same at
 * another time, nothing has happened in between that gpcvm knows of. */
enum model_map model_direct_map(struct model *m, uint64_t gpa,
				uint64_t *changes);
/* The members "predicted", a word, and "model", an array of an object per
 * cache. */
void model_json(struct model *m, unsigned int i, struct json *j);

const char *model_expect_name(enum model_expect e);
const char *model_map_name(enum model_map d);

/* ---- between model.c, model_view.c and the tests ------------------------ */

struct model_target {
	bool ok; /* a refresh finds it */
	bool private;
	struct model_page page;
};

/* All with both locks held. */
bool model_same(struct model_page a, struct model_page b);
/* Does KVM resolve private gfns through gmem for a cache like this? */
bool model_through_gmem(const struct model *m, const struct model_entry *n);
/* The page that the guest has at @gpa; false where it cannot reach one. */
bool model_guest_page(const struct model *m, uint64_t gpa,
		      struct model_page *p);
/* What the slot at @gpa, there or not, has mapped; false where there is none. */
bool model_host_page(const struct model *m, uint64_t gpa, struct model_page *p);
/* The gpa at which @p is now, for commands; false where another slot is. */
bool model_page_gpa(const struct model *m, struct model_page p, uint64_t *gpa);
/* What KVM finds when it refreshes @c. */
struct model_target model_resolve(const struct model *m,
				  const struct model_entry *n,
				  const struct model_cache *c);
enum model_expect model_expect_locked(const struct model *m,
				      const struct model_entry *n);
enum model_map model_map_locked(const struct model *m, uint64_t gpa);
/* Can none of its caches be refreshed? */
bool model_nowhere(const struct model *m, const struct model_entry *n);
/* How many hold a reference on the page of @c; false where that is unknown. */
bool model_refs(const struct model *m, const struct model_cache *c,
		unsigned int *refs);

#endif
