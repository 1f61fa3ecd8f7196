/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's memory: slots, the gmem files or anonymous memory behind them,
 * and operations on them while the guest runs. Every function here may be
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
	bool closed; /* by `slot close`: its slots have lost it */
	uint64_t size;
	uint8_t *map; /* gmem mode: the whole file; else NULL */
};

struct mem_slot {
	uint64_t gpa, size;
	uint64_t home;	   /* the gpa to which `slot restore` returns it */
	unsigned int file; /* or MEM_NO_FILE */
	uint64_t offset;
	uint8_t *hva;  /* userspace_addr: the host's view, and KVM's hva */
	bool shared;   /* shared at start, in gmem-private */
	bool present;  /* in KVM; if not, other slots may be at its gpa */
	uint64_t gone; /* the memory's generation when it was deleted */
};

/* Changes of memory, as reported to the watcher (model.h). */
enum mem_change_kind {
	MEM_PUNCHED,
	MEM_CONVERTED, /* at least part of it changed its attribute */
	MEM_SLOT_GONE,
	MEM_SLOT_THERE,
	MEM_CLOSED, /* @file; no range */
	MEM_POISONED,
};

struct mem_change {
	enum mem_change_kind kind;
	uint64_t gpa, len;
	unsigned int file;
	bool failed; /* it may be partly done */

	/* For the watcher, from begin to end. */
	bool told;
	struct mem_change *next;
};

/* Called with the lock held, before the kernel is asked and when it is done. */
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
	_Atomic uint64_t generation; /* how often slots changed */
	/* Changes of slots, attributes and files, counted after KVM has them,
	 * and punches, counted before. */
	_Atomic uint64_t changes;
	struct mem_watch watch; /* set before anything runs; may be empty */
	pthread_rwlock_t lock;
};

/* The part of a range that lies in one slot. */
struct mem_piece {
	struct mem_slot *slot;
	uint64_t gpa, len;
	uint64_t offset; /* in the slot's file */
	uint8_t *hva;
};

/* Check that @offer supports the mode. -1: unsupported, with the reason and
 * what to try. */
int mem_mode_check(const struct gmem_offer *offer, enum mem_mode mode,
		   bool no_direct_map, struct err *e);
/* Choose the strongest mode that @offer supports, never anon. */
int mem_mode_auto(const struct gmem_offer *offer, enum mem_mode *mode,
		  bool *no_direct_map, struct err *e);
/* Check that the mode has private memory; else -1 (unsupported). */
int memory_can_be_private(const struct memory *m, struct err *e);
/* Return the VM type that the mode requires. */
unsigned long mem_mode_vm_type(enum mem_mode mode);

int memory_create(struct memory *m, const struct mem_plan *plan, int vm,
		  const struct gmem_offer *offer, struct err *e);
void memory_destroy(struct memory *m);

/*
 * Validate an address from outside: @gpa..@gpa+@len must lie in RAM (in slots,
 * present or not), must not be empty or wrap, and both must be multiples of
 * @align. Every such address goes through here.
 */
int memory_check(struct memory *m, uint64_t gpa, uint64_t len, uint64_t align,
		 struct err *e);

/* Punch or allocate pages with fallocate() on the gmem file; without a file,
 * with MADV_DONTNEED or MADV_POPULATE_WRITE. The range is page-aligned and
 * checked. Fails (state) without any change if a file is closed, or if a page
 * is private in a slot without a file. */
int memory_punch(struct memory *m, uint64_t gpa, uint64_t len, struct err *e);
int memory_allocate(struct memory *m, uint64_t gpa, uint64_t len,
		    struct err *e);
/* Issue KVM_SET_MEMORY_ATTRIBUTES; unsupported outside gmem-private. */
int memory_set_private(struct memory *m, uint64_t gpa, uint64_t len,
		       bool private, struct err *e);
bool memory_is_private(struct memory *m, uint64_t gpa);
/* Return the gmem file behind a slot, or NULL: anonymous memory. */
struct mem_file *memory_file(struct memory *m, const struct mem_slot *s);
/* Fail (state) if KVM or the host would need a closed file for the range. */
int memory_check_open(struct memory *m, uint64_t gpa, uint64_t len,
		      struct err *e);
/* Return the gpa at which a slot maps @hva; -1: none, or another slot is at
 * that gpa now. */
int memory_gpa(struct memory *m, uintptr_t hva, uint64_t *gpa);

struct poisoner;
struct poisoned;
/*
 * Trigger memory failure on the page that the host maps at @gpa (page-aligned,
 * checked), after faulting it in. Also fails if the page is still mapped
 * afterwards.
 */
int memory_poison(struct memory *m, uint64_t gpa, struct poisoner *p,
		  struct poisoned *out, struct err *e);

/* Report a change made elsewhere to the watcher; call both with the lock
 * held. */
void memory_begin(struct memory *m, struct mem_change *ch);
void memory_end(struct memory *m, struct mem_change *ch, bool failed);

int memory_slot_delete(struct memory *m, unsigned int id, struct err *e);
int memory_slot_restore(struct memory *m, unsigned int id, struct err *e);
int memory_slot_move(struct memory *m, unsigned int id, uint64_t gpa,
		     struct err *e);
/*
 * Close the gmem file behind slot @id. This is the last reference: KVM holds
 * none (virt/kvm/guest_memfd.c, kvm_gmem_bind). All its slots lose it until the
 * machine ends; the host's mapping becomes inaccessible.
 */
int memory_slot_close(struct memory *m, unsigned int id, struct err *e);

/*
 * Copy the host's view of @gpa..@gpa+@len to @buf; in gmem-private that is the
 * shared alias. @pages counts the backed pages of the range; the others read as
 * zeros and are not faulted in. The range is checked. Fails (os) on a page that
 * the host cannot read: it is poisoned.
 */
int memory_peek(struct memory *m, uint64_t gpa, void *buf, uint64_t len,
		uint64_t *pages, struct err *e);
/*
 * Call @fn with each backed page that the host sees (see memory_peek), until it
 * returns true or has seen @most pages. @gpa is where the page's slot is, or
 * was last. The lock is held.
 */
void memory_scan(struct memory *m, unsigned int most,
		 bool (*fn)(void *arg, uint64_t gpa, const uint8_t *page),
		 void *arg);
/* Write @data to the host's view of @gpa (see memory_peek), before the guest
 * runs. */
int memory_load(struct memory *m, uint64_t gpa, const void *data, uint64_t len,
		struct err *e);
/* Populate the range in the host's view, before the guest runs. Only a hint:
 * errors may be ignored. */
int memory_back(struct memory *m, uint64_t gpa, uint64_t len);
/* Return the pfn behind @gpa from the host's page tables; -1: unknown. */
int memory_pfn(struct memory *m, uint64_t gpa, uint64_t *pfn);
/* The same without blocking: unknown while memory is being changed. */
int memory_pfn_now(struct memory *m, uint64_t gpa, uint64_t *pfn);
/* Return the host's address of @gpa, whose slot may be deleted; -1 (range). */
int memory_hva(struct memory *m, uint64_t gpa, uint64_t *hva, struct err *e);
/* Return the pfn of the page mapped at @addr in gpcvm itself. */
int memory_pagemap(const struct memory *m, const void *addr, uint64_t *pfn);
/* Check whether slot @id could be moved to @gpa now. */
int memory_slot_check(struct memory *m, unsigned int id, uint64_t gpa,
		      struct err *e);
/* Copy the state of slot @id, which must exist. */
void memory_slot_now(struct memory *m, unsigned int id, struct mem_slot *out);
/* Is @gpa in a slot that KVM has? */
bool memory_present(struct memory *m, uint64_t gpa);
/* Return the bytes of RAM in all slots. */
uint64_t memory_size(const struct memory *m);
/* Return the slot that KVM has at @gpa, else the last one deleted there, or
 * NULL. The caller holds the lock or is single-threaded. */
struct mem_slot *memory_slot(struct memory *m, uint64_t gpa);

#endif
