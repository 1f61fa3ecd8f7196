// SPDX-License-Identifier: GPL-2.0-only
/* Operations on the guest's memory while it runs. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>

#include "base/num.h"
#include "host/poison.h"
#include "kvm/kvm.h"
#include "memory/memory_piece.h"

typedef int (*piece_fn)(struct memory *m, const struct mem_piece *p);

void memory_begin(struct memory *m, struct mem_change *ch)
{
	if (m->watch.begin)
		m->watch.begin(m->watch.arg, ch);
}

void memory_end(struct memory *m, struct mem_change *ch, bool failed)
{
	ch->failed = failed;
	if (m->watch.end)
		m->watch.end(m->watch.arg, ch);
}

static bool any_private(struct memory *m, const struct mem_piece *p)
{
	return m->mode == MEM_GMEM_PRIVATE &&
	       attrs_private_bytes(&m->attrs, p->gpa, p->gpa + p->len);
}

int memory_check_open(struct memory *m, uint64_t gpa, uint64_t len,
		      struct err *e)
{
	struct mem_piece p;
	int r;

	pthread_rwlock_rdlock(&m->lock);
	r = memory_check_locked(m, gpa, len, 1, e);
	for (; !r && len && memory_piece(m, gpa, len, &p); len -= p.len) {
		/* In gmem-private, shared pages live in the alias. */
		if (m->mode == MEM_GMEM || any_private(m, &p))
			r = memory_open_locked(m, &p, e);
		gpa += p.len;
	}
	pthread_rwlock_unlock(&m->lock);
	return r;
}

/* Check that the piece has backing that can be punched or allocated. */
static int check_backing(struct memory *m, const struct mem_piece *p,
			 struct err *e)
{
	if (!memory_file(m, p->slot) && any_private(m, p))
		return err_state(e,
				 "gpa 0x%" PRIx64 ", length 0x%" PRIx64 " has "
				 "private pages in slot %td, which has no gmem "
				 "file: make them shared with attr",
				 p->gpa, p->len, p->slot - m->slots);
	return memory_open_locked(m, p, e);
}

static int check_pieces(struct memory *m, uint64_t gpa, uint64_t len,
			struct err *e)
{
	struct mem_piece p;

	if (memory_check_locked(m, gpa, len, PAGE_SIZE, e))
		return -1;
	for (; len && memory_piece(m, gpa, len, &p); len -= p.len) {
		if (check_backing(m, &p, e))
			return -1;
		gpa += p.len;
	}
	return 0;
}

/* Call @fn (0 or -1 and errno) for each piece of the checked range. */
static int each_piece(struct memory *m, uint64_t gpa, uint64_t len, piece_fn fn,
		      const char *what, struct err *e)
{
	struct mem_piece p;

	for (; len && memory_piece(m, gpa, len, &p); len -= p.len) {
		if (fn(m, &p))
			return err_os(e, errno,
				      "%s at gpa 0x%" PRIx64
				      ", length 0x%" PRIx64,
				      what, gpa, p.len);
		gpa += p.len;
	}
	return 0;
}

/* Advise on the shared pages of the piece. In gmem-private these live in the
 * userspace mapping (the alias), not in the gmem file. */
static int advise_shared(struct memory *m, const struct mem_piece *p,
			 int advice)
{
	const uint64_t end = p->gpa + p->len;
	uint64_t at = p->gpa, len;

	if (m->mode != MEM_GMEM_PRIVATE)
		return 0;
	for (; attrs_next_shared(&m->attrs, &at, end, &len); at += len)
		if (madvise(p->hva + (at - p->gpa), len, advice))
			return -1;
	return 0;
}

static int punch_piece(struct memory *m, const struct mem_piece *p)
{
	const struct mem_file *f = memory_file(m, p->slot);

	m->changes++;
	if (!f)
		return madvise(p->hva, p->len, MADV_DONTNEED);
	if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)p->offset, (off_t)p->len))
		return -1;
	return advise_shared(m, p, MADV_DONTNEED);
}

int memory_punch(struct memory *m, uint64_t gpa, uint64_t len, struct err *e)
{
	struct mem_change ch = { .kind = MEM_PUNCHED, .gpa = gpa, .len = len };
	int r;

	pthread_rwlock_rdlock(&m->lock);
	r = check_pieces(m, gpa, len, e);
	if (!r) {
		memory_begin(m, &ch);
		r = each_piece(m, gpa, len, punch_piece, "punch", e);
		memory_end(m, &ch, r);
	}
	pthread_rwlock_unlock(&m->lock);
	return r;
}

static int allocate_piece(struct memory *m, const struct mem_piece *p)
{
	const struct mem_file *f = memory_file(m, p->slot);

	if (!f)
		return madvise(p->hva, p->len, MADV_POPULATE_WRITE);
	if (fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)p->offset,
		      (off_t)p->len))
		return -1;
	return advise_shared(m, p, MADV_POPULATE_WRITE);
}

int memory_allocate(struct memory *m, uint64_t gpa, uint64_t len, struct err *e)
{
	int r;

	pthread_rwlock_rdlock(&m->lock);
	r = check_pieces(m, gpa, len, e);
	if (!r)
		r = each_piece(m, gpa, len, allocate_piece, "allocate", e);
	pthread_rwlock_unlock(&m->lock);
	return r;
}

/* Does the whole range have that attribute already? KVM then does nothing
 * (virt/kvm/kvm_main.c, kvm_vm_set_mem_attributes). */
static bool is_all(struct memory *m, uint64_t gpa, uint64_t len, bool private)
{
	return attrs_private_bytes(&m->attrs, gpa, gpa + len) ==
	       (private ? len : 0);
}

int memory_set_private(struct memory *m, uint64_t gpa, uint64_t len,
		       bool private, struct err *e)
{
	uint64_t attrs = private ? GPC_MEMORY_ATTRIBUTE_PRIVATE : 0;
	struct mem_change ch = { .kind = MEM_CONVERTED,
				 .gpa = gpa,
				 .len = len };
	bool same;
	int r;

	if (memory_check(m, gpa, len, PAGE_SIZE, e) ||
	    memory_can_be_private(m, e))
		return -1;
	/* Change the list and KVM under one lock, or two concurrent flips of a
	 * page could leave them different. */
	pthread_rwlock_wrlock(&m->lock);
	same = is_all(m, gpa, len, private);
	if (!same)
		memory_begin(m, &ch);
	r = kvm_set_memory_attributes(m->vm, gpa, len, attrs);
	if (r < 0)
		r = err_kvm(e, -r,
			    "KVM_SET_MEMORY_ATTRIBUTES of gpa 0x%" PRIx64
			    ", length 0x%" PRIx64 " to %s",
			    gpa, len, private ? "private" : "shared");
	else if (attrs_set(&m->attrs, gpa, gpa + len, private))
		r = err_os(e, ENOMEM,
			   "remembering the attribute of gpa 0x%" PRIx64, gpa);
	m->changes++;
	if (!same)
		memory_end(m, &ch, r);
	pthread_rwlock_unlock(&m->lock);
	return r;
}

bool memory_is_private(struct memory *m, uint64_t gpa)
{
	bool r;

	pthread_rwlock_rdlock(&m->lock);
	r = attrs_private(&m->attrs, gpa);
	pthread_rwlock_unlock(&m->lock);
	return r;
}

/* Is it anonymous memory? Only that has the huge pages treated below. */
static bool is_anonymous(struct memory *m, const struct mem_piece *p)
{
	return m->mode != MEM_GMEM || !memory_file(m, p->slot);
}

/*
 * Write to the page if it is all zeros, and return true if it was. Memory
 * failure splits a transparent huge page, and a split replaces its pages of
 * zeros with the shared zero page in 6.12 to 6.17, the poisoned page included
 * (mm/migrate.c, try_to_map_unused_to_zeropage), so that the poison is never
 * hit.
 */
static bool touch_zeros(struct memory *m, const struct mem_piece *p)
{
	if (!is_anonymous(m, p) || p->hva[0] ||
	    memcmp(p->hva, p->hva + 1, PAGE_SIZE - 1))
		return false;
	*(volatile uint8_t *)p->hva = 1;
	return true;
}

/* Check in the host's page tables that the poisoned page was unmapped. */
static int check_poisoned(struct memory *m, const struct mem_piece *p,
			  const struct poisoned *done, struct err *e)
{
	uint64_t pfn;

	if (memory_pfn_locked(m, p->gpa, &pfn))
		return 0;
	if (done->pfn && pfn && pfn != done->pfn)
		return err_os(e, 0,
			      "the kernel poisoned pfn 0x%" PRIx64 ", but "
			      "mapped another page, pfn 0x%" PRIx64 ", at gpa "
			      "0x%" PRIx64 ": the guest will not hit the "
			      "poison",
			      done->pfn, pfn, p->gpa);
	return err_os(e, 0,
		      "the kernel reported success, but the page at gpa "
		      "0x%" PRIx64 " is still mapped: see dmesg, and the "
		      "filters in /sys/kernel/debug/hwpoison "
		      "(corrupt-filter-enable)",
		      p->gpa);
}

int memory_poison(struct memory *m, uint64_t gpa, struct poisoner *p,
		  struct poisoned *out, struct err *e)
{
	struct mem_change ch = { .kind = MEM_POISONED,
				 .gpa = gpa,
				 .len = PAGE_SIZE };
	struct mem_piece piece;
	bool touched;
	uint64_t pfn;
	int r = -1;

	/* For writing: the page must stay while its pfn is in use. */
	pthread_rwlock_wrlock(&m->lock);
	if (memory_check_locked(m, gpa, PAGE_SIZE, PAGE_SIZE, e) ||
	    !memory_piece(m, gpa, PAGE_SIZE, &piece))
		goto out;
	if (any_private(m, &piece)) {
		err_state(e,
			  "gpa 0x%" PRIx64 " is private: the host maps another "
			  "page there",
			  gpa);
		goto out;
	}
	if (m->mode == MEM_GMEM && memory_open_locked(m, &piece, e))
		goto out;
	/* Fault it in for writing, or the zero page that all untouched memory
	 * shares would be poisoned (mm/memory.c, do_anonymous_page). */
	if (memory_populate(&piece)) {
		err_os(e, errno, "faulting in the page at gpa 0x%" PRIx64, gpa);
		goto out;
	}
	touched = touch_zeros(m, &piece);
	memory_begin(m, &ch);
	r = poison_mapped(p, (uintptr_t)piece.hva, out, e);
	memory_end(m, &ch, r);
	if (!r)
		r = check_poisoned(m, &piece, out, e);
	if (r && touched && !memory_pfn_locked(m, gpa, &pfn))
		*(volatile uint8_t *)piece.hva =
			0; /* it still belongs to the guest */
out:
	pthread_rwlock_unlock(&m->lock);
	return r;
}
