/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's memory: slots, the gmem files or anonymous memory behind them,
 * and what is done to them while the guest runs. Every function here may be
 * called from any thread; changes of slots exclude everything else.
 *
 * mode          slot                                      VM type
 * anon          anonymous memory                          default
 * gmem          gmem file + mmap of it as userspace_addr  default
 * gmem-private  gmem file + an anonymous alias            SW_PROTECTED_VM
 */
#ifndef GPCVM_MEMORY_H
#define GPCVM_MEMORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/plan.h"
#include "kvm/gmem_family.h"
#include "memory/attrs.h"

struct mem_file {
	int fd;	     /* gmem, owned; -1: none, or closed */
	bool closed; /* by `slot close`: the slots on it have lost it */
	uint64_t size;
	uint8_t *map; /* gmem mode: the whole file; else NULL */
};

struct mem_slot {
	uint64_t gpa, size;
	uint64_t home;	   /* the gpa that `slot restore` brings it back to */
	unsigned int file; /* or MEM_NO_FILE */
	uint64_t offset;
	uint8_t *hva;  /* userspace_addr: what the host, and KVM's hva, see */
	bool shared;   /* in gmem-private it began so */
	bool present;  /* KVM has it; where not, others may be in its place */
	uint64_t gone; /* when it was deleted: the memory's generation then */
};

/* What is done to memory, for who watches it (model.h). */
enum mem_change_kind {
	MEM_PUNCHED,
	MEM_CONVERTED, /* to the other attribute, at least a part of it */
	MEM_SLOT_GONE,
	MEM_SLOT_THERE,
	MEM_CLOSED, /* @file; no range */
	MEM_POISONED,
};

struct mem_change {
	enum mem_change_kind kind;
	uint64_t gpa, len;
	unsigned int file;
	bool failed; /* it may be half done */

	/* The watcher's, from begin to end. */
	bool told;
	struct mem_change *next;
};

/* Called with the lock held, before the kernel is asked and when all is done. */
struct mem_watch {
	void *arg;
	void (*begin)(void *arg, struct mem_change *ch);
	void (*end)(void *arg, struct mem_change *ch);
};

struct memory {
	int vm;	     /* not owned */
	int pagemap; /* /proc/self/pagemap, owned; -1 */
	enum mem_mode mode;
	bool no_direct_map;
	enum gmem_family family;
	bool private_steal; /* KVM reaches steal time in private memory */
	bool out_of_map;    /* the files have the family's NO_DIRECT_MAP */
	uint64_t gmem_flags;
	unsigned int nr_slots, nr_files;
	struct mem_slot slots[MEM_MAX_SLOTS];
	struct mem_file files[MEM_MAX_FILES];
	struct attrs attrs;
	_Atomic uint64_t generation; /* of the slots: how often they changed */
	/* Of slots, attributes and files, counted once KVM has them, and
	 * punches, before. */
	_Atomic uint64_t changes;
	struct mem_watch watch; /* set before anything runs; may be empty */
	pthread_rwlock_t lock;
};

/* A piece of a range that lies in one slot. */
struct mem_piece {
	struct mem_slot *slot;
	uint64_t gpa, len;
	uint64_t offset; /* in the slot's file */
	uint8_t *hva;
};

/* Can @offer do that? -1: unsupported, the reason and what to try. */
int mem_mode_check(const struct gmem_offer *offer, enum mem_mode mode,
		   bool no_direct_map, struct err *e);
/* The strongest that @offer can do, never anon. */
int mem_mode_auto(const struct gmem_offer *offer, enum mem_mode *mode,
		  bool *no_direct_map, struct err *e);
/* Refuse (unsupported) what needs a mode with private memory. */
int memory_can_be_private(const struct memory *m, struct err *e);
/* The type of VM that the mode needs. */
unsigned long mem_mode_vm_type(enum mem_mode mode);

int memory_create(struct memory *m, const struct mem_plan *plan, int vm,
		  const struct gmem_offer *offer, struct err *e);
void memory_destroy(struct memory *m);

/*
 * The one place where an address that comes from outside is checked: does
 * @gpa..@gpa+@len lie in RAM (in slots, present or not), is it not empty, does
 * it not wrap, and are both multiples of @align?
 */
int memory_check(struct memory *m, uint64_t gpa, uint64_t len, uint64_t align,
		 struct err *e);

/* fallocate() on the gmem file: gives pages back, or takes them. Without a file
 * MADV_DONTNEED and MADV_POPULATE_WRITE. Page-aligned, checked. Refused (state)
 * as a whole where a file is closed, or a page is private in a slot that has
 * none. */
int memory_punch(struct memory *m, uint64_t gpa, uint64_t len, struct err *e);
int memory_allocate(struct memory *m, uint64_t gpa, uint64_t len,
		    struct err *e);
/* KVM_SET_MEMORY_ATTRIBUTES; unsupported outside gmem-private. */
int memory_set_private(struct memory *m, uint64_t gpa, uint64_t len,
		       bool private, struct err *e);
bool memory_is_private(struct memory *m, uint64_t gpa);
/* The gmem file behind a slot, or NULL: anonymous memory. */
struct mem_file *memory_file(struct memory *m, const struct mem_slot *s);
/* Refuse (state) a range for which KVM or the host would need a file that is
 * closed. */
int memory_check_open(struct memory *m, uint64_t gpa, uint64_t len,
		      struct err *e);
/* The gpa at which a slot has @hva; -1: none, or another slot is there now. */
int memory_gpa(struct memory *m, uintptr_t hva, uint64_t *gpa);

struct poisoner;
struct poisoned;
/*
 * Memory failure on the page that the host has mapped at @gpa (page-aligned,
 * checked), which is brought in first. Fails as well where the page is still
 * mapped afterwards.
 */
int memory_poison(struct memory *m, uint64_t gpa, struct poisoner *p,
		  struct poisoned *out, struct err *e);

/* Around what is done elsewhere, with the lock held: tell who watches. */
void memory_begin(struct memory *m, struct mem_change *ch);
void memory_end(struct memory *m, struct mem_change *ch, bool failed);

int memory_slot_delete(struct memory *m, unsigned int id, struct err *e);
int memory_slot_restore(struct memory *m, unsigned int id, struct err *e);
int memory_slot_move(struct memory *m, unsigned int id, uint64_t gpa,
		     struct err *e);
/*
 * The last close of the gmem file behind slot @id: KVM holds none of its own
 * (virt/kvm/guest_memfd.c, kvm_gmem_bind). All slots on it lose it, until the
 * machine ends; what the host has mapped in its place cannot be touched.
 */
int memory_slot_close(struct memory *m, unsigned int id, struct err *e);

/*
 * What the host sees at @gpa..@gpa+@len, copied to @buf. In gmem-private that
 * is the shared alias. @pages counts those of the range that are
 * backed; the others read as zeros and are not brought in. Range checked. Fails
 * (os) on a page that the host cannot read: it is poisoned.
 */
int memory_peek(struct memory *m, uint64_t gpa, void *buf, uint64_t len,
		uint64_t *pages, struct err *e);
/*
 * Call @fn with each page that the host sees and that is backed (see
 * memory_peek), until it returns true, or @most pages were shown. @gpa is where
 * the slot with it is, or was last. The lock is held.
 */
void memory_scan(struct memory *m, unsigned int most,
		 bool (*fn)(void *arg, uint64_t gpa, const uint8_t *page),
		 void *arg);
/* Before the guest runs: what the host can write there (see memory_peek). */
int memory_load(struct memory *m, uint64_t gpa, const void *data, uint64_t len,
		struct err *e);
/* Before the guest runs: pages to all that the host can write there. A hint, with no
 * error to tell of. */
int memory_back(struct memory *m, uint64_t gpa, uint64_t len);
/* The pfn behind @gpa as the host's page tables have it now; -1: unknown. */
int memory_pfn(struct memory *m, uint64_t gpa, uint64_t *pfn);
/* The same, without waiting: unknown while memory is being changed. */
int memory_pfn_now(struct memory *m, uint64_t gpa, uint64_t *pfn);
/* Where the host has mapped @gpa, whose slot may be deleted; -1 (range). */
int memory_hva(struct memory *m, uint64_t gpa, uint64_t *hva, struct err *e);
/* The same for what is mapped at @addr in gpcvm itself. */
int memory_pagemap(const struct memory *m, const void *addr, uint64_t *pfn);
/* Could slot @id be moved to @gpa now? */
int memory_slot_check(struct memory *m, unsigned int id, uint64_t gpa,
		      struct err *e);
/* A copy of slot @id as it is now; @id exists. */
void memory_slot_now(struct memory *m, unsigned int id, struct mem_slot *out);
/* Does KVM have the slot with @gpa? */
bool memory_present(struct memory *m, uint64_t gpa);
/* Bytes of RAM in all slots. */
uint64_t memory_size(const struct memory *m);
/* The slot that KVM has at @gpa, or else the last one that was there before it
 * was deleted, or NULL. Caller holds the lock or is single-threaded. */
struct mem_slot *memory_slot(struct memory *m, uint64_t gpa);

#endif
