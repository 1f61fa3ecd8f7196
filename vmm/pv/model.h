/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of KVM's caches: gpcvm derives their expected state from its own
 * operations on memory and pv pages. The model follows a correct kernel of the
 * running kernel's family. It makes no verdict: it is only compared with what
 * the guest read and with measurements.
 *
 *                  punch, error_remove_folio,   attribute    slot deleted
 *                  last close of the file       change
 * private, gpc     invalid; reference dropped   invalid;     invalid;
 *                  without unmapping            still held   still held
 * by mmu notifier  invalid                      -            invalid (by gpa)
 * ghc              -                            -            invalid
 *
 * "private" is a gpc that resolves its private gfn through gmem, as kernels of
 * family direct-map-2024 do. Earlier kernels write the shared alias instead.
 * The alias has a userspace address and follows the mmu notifier, like
 * everything that is not private (virt/kvm/pfncache.c,
 * gfn_to_pfn_cache_invalidate_start). A ghc holds only a userspace address
 * (virt/kvm/kvm_main.c, __kvm_gfn_to_hva_cache_init).
 *
 * KVM may use a cache whenever its vCPU runs. After an invalidation, `valid` is
 * the state that the invalidation left; whatever depends on a use by KVM since
 * then is unknown.
 */
#ifndef GPCVM_MODEL_H
#define GPCVM_MODEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "memory/memory.h"

/* The expected result of a check. */
enum model_expect {
	EXPECT_UNKNOWN,
	EXPECT_FRESH,
	EXPECT_STALE, /* KVM writes to a page that the guest does not read */
	EXPECT_ABSENT,
};

/* The page that KVM writes when it uses the cache. */
enum model_writes {
	MODEL_WRITES_UNKNOWN,
	MODEL_WRITES_PAGE, /* the guest's page at the gpa */
	/* The shared alias, while the guest has another page. */
	MODEL_WRITES_ALIAS,
	MODEL_WRITES_OTHER,   /* by hva: what another slot had at the gpa */
	MODEL_WRITES_NOWHERE, /* the cache cannot be refreshed */
};

enum model_map { MODEL_MAP_UNKNOWN, MODEL_MAP_ABSENT, MODEL_MAP_PRESENT };

/* A page of host memory: of gmem file @space, or page @index of slot n's
 * userspace mapping if @space is MODEL_HOST + n. A punch replaces the page, and
 * its holders have dropped it. */
#define MODEL_HOST MEM_MAX_FILES

struct model_page {
	unsigned int space;
	uint64_t index;
};

struct model_cache {
	uint64_t gpa;
	bool active;
	bool sure; /* whether the fields below are known */
	bool valid;
	bool private; /* resolved through gmem */
	bool held;    /* has a sharing reference on @page */
	bool loose;   /* invalidated; only KVM itself may have used it since */
	bool lost;    /* @loose, and may hold a reference on an earlier page */
	struct model_page page; /* what it was last resolved to */
	/* By hva: the page at the address given to KVM while the cache is on,
	 * whatever slot the guest has at the gpa. */
	bool has_host;
	struct model_page host;
};

/* A pv page: one cache, or two if it crosses a page boundary. */
struct model_entry {
	uint64_t gpa; /* kept while the page is off */
	uint32_t size, align;
	bool on, by_hva, ghc;
	bool fragile;  /* a use does not rewrite all of it */
	uint32_t kept; /* offset of a byte that KVM updates in part; 0: none */
	/* Gpcvm had the guest write data that KVM does not overwrite. */
	bool scribbled;
	bool written;	/* gpcvm had the guest write to it since the last use */
	uint64_t epoch; /* counts changes of its memory */
	unsigned int nr;
	struct model_cache cache[2];
};

#define MODEL_BAD 64

struct model {
	struct memory *memory; /* taken before @lock */
	pthread_mutex_t lock;
	struct model_entry *entries; /* owned; in the order of the pv pages */
	unsigned int nr;
	struct mem_change *flying;	/* operations in progress */
	_Atomic unsigned int under_way; /* their number, a storm's included */
	_Atomic bool suspended;
	bool unsettled;	  /* resumed while operations were in progress */
	uint64_t changes; /* counts all changes of the model */
	/* Valid entries of @bad; MODEL_BAD + 1: overflow. */
	unsigned int nr_bad;
	struct model_page bad[MODEL_BAD]; /* poisoned and not punched since */
};

/* Start watching @mem. All @nr entries are off. */
int model_init(struct model *m, struct memory *mem, unsigned int nr,
	       struct err *e);
void model_free(struct model *m);

/* ---- changes; any thread, no lock of memory held ------------------------ */

/* The properties of entry @i, set before it is switched on. */
struct model_kind {
	uint32_t size, align;
	bool ghc, fragile;
	uint32_t kept;
};

void model_describe(struct model *m, unsigned int i,
		    const struct model_kind *k);
/* Note that the cache was switched on and resolved, moved, or switched off. */
void model_switch(struct model *m, unsigned int i, uint64_t gpa, bool on,
		  bool by_hva);
/* Note that gpcvm makes the guest write gpa..gpa+len: data that KVM does not
 * overwrite may be inconsistent. */
void model_scribble(struct model *m, uint64_t gpa, uint64_t len);

/* The state of a use of a cache, from model_begin() to model_end(). */
struct model_use {
	uint64_t epoch;
	bool clear;   /* no other operation on the same memory */
	bool nowhere; /* KVM could not write to any page */
	bool look;    /* KVM was not made to use the cache */
	enum model_expect expect;
};

void model_begin(struct model *m, unsigned int i, struct model_use *u);
/* Begin before the guest only reads the page: nothing
 * makes KVM use the cache. */
void model_begin_look(struct model *m, unsigned int i, struct model_use *u);
/* Return what the guest should have read. If another operation
 * changed the same memory meanwhile, return unknown, mark the cache
 * as unknown and clear @u->nowhere. */
enum model_expect model_end(struct model *m, unsigned int i,
			    struct model_use *u);
/* Mark the cache as possibly used. */
void model_doubt(struct model *m, unsigned int i);

/* Mark all that is uncertain as unknown until the next poke or check, after too
 * many operations at once to follow. */
void model_blur(struct model *m);
/* Stop following operations, at no cost to them, until model_resume(). */
void model_suspend(struct model *m);
void model_resume(struct model *m);

/* ---- expectations; any thread, no lock of memory held ------------------- */

/* Return the direct map state of the guest's page at @gpa. If *changes is the
 * same in two calls, no known operation happened in between. */
enum model_map model_direct_map(struct model *m, uint64_t gpa,
				uint64_t *changes);
/* Add the members "predicted", a word, and "model", an array
 * of one object per cache. */
void model_json(struct model *m, unsigned int i, struct json *j);

const char *model_expect_name(enum model_expect e);
const char *model_map_name(enum model_map d);

/* ---- between model.c, model_view.c and the tests ------------------------ */

struct model_target {
	bool ok; /* a refresh finds the page */
	bool private;
	struct model_page page;
};

/* Take and release both locks. */
void model_lock(struct model *m);
void model_unlock(struct model *m);
/* The callers of these hold both. */
bool model_same(struct model_page a, struct model_page b);
/* Does KVM resolve private gfns through gmem for this kind of cache? */
bool model_through_gmem(const struct model *m, const struct model_entry *n);
/* Get the guest's page at @gpa; false if the guest cannot reach one. */
bool model_guest_page(const struct model *m, uint64_t gpa,
		      struct model_page *p);
/* Get the page that the slot at @gpa, present or not, has
 * mapped; false without one. */
bool model_host_page(const struct model *m, uint64_t gpa, struct model_page *p);
/* Get the gpa at which commands find @p now; false if
 * another slot covers it. */
bool model_page_gpa(const struct model *m, struct model_page p, uint64_t *gpa);
/* Return what KVM finds when it refreshes @c. */
struct model_target model_resolve(const struct model *m,
				  const struct model_entry *n,
				  const struct model_cache *c);
enum model_expect model_expect_locked(const struct model *m,
				      const struct model_entry *n);
enum model_map model_map_locked(const struct model *m, uint64_t gpa);
/* Can KVM refresh none of its caches? */
bool model_nowhere(const struct model *m, const struct model_entry *n);
/* Count the references on the page of @c; false if unknown. */
bool model_refs(const struct model *m, const struct model_cache *c,
		unsigned int *refs);

#endif
