// SPDX-License-Identifier: GPL-2.0-only
/* What is done to the guest's memory while it runs. */
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
		/* What is shared in gmem-private is in the alias. */
		if (m->mode == MEM_GMEM || any_private(m, &p))
			r = memory_open_locked(m, &p, e);
		gpa += p.len;
	}
	pthread_rwlock_unlock(&m->lock);
	return r;
}

/* Is there something behind the piece that can be punched or allocated? */
static int check_backing(struct memory *m, const struct mem_piece *p,
			 struct err *e)
{
	if (!memory_file(m, p->slot) && any_private(m, p))
		return err_state(e,
				 "gpa 0x%" PRIx64 ", length 0x%" PRIx64
				 " has private pages in slot %td, which has no "
				 "gmem file for them: attr them shared",
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

/* Call @fn (0 or -1 and errno) for each piece of the range, which is checked. */
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

/* What of the piece is shared is in the alias, in gmem-private: the guest uses
 * that and not the file. */
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

/* KVM has nothing to do where all is so already (virt/kvm/kvm_main.c,
 * kvm_vm_set_mem_attributes), and does nothing. */
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
	/* The list and KVM change together, or two flips of one page could
	 * end the other way round in one of them. */
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

/* Anonymous memory, the only kind that huge pages are split up as below. */
static bool is_anonymous(struct memory *m, const struct mem_piece *p)
{
	return m->mode != MEM_GMEM || !memory_file(m, p->slot);
}

/*
 * Memory failure splits a transparent huge page, and that gives up its pages of
 * zeros: 6.12 to 6.17 map the page that all zeros share in their place, also for
 * the one that is lost (mm/migrate.c, try_to_map_unused_to_zeropage), so that
 * nobody meets the poison. So there is something in the page before. True if it was
 * of zeros.
 */
static bool touch_zeros(struct memory *m, const struct mem_piece *p)
{
	if (!is_anonymous(m, p) || p->hva[0] ||
	    memcmp(p->hva, p->hva + 1, PAGE_SIZE - 1))
		return false;
	*(volatile uint8_t *)p->hva = 1;
	return true;
}

/* Poisoned, the page is mapped no longer: has it gone, as the host's own page
 * tables have it? */
static int check_poisoned(struct memory *m, const struct mem_piece *p,
			  const struct poisoned *done, struct err *e)
{
	uint64_t pfn;

	if (memory_pfn_locked(m, p->gpa, &pfn))
		return 0;
	if (done->pfn && pfn && pfn != done->pfn)
		return err_os(e, 0,
			      "the kernel gave up pfn 0x%" PRIx64
			      ", but has mapped another page, pfn 0x%" PRIx64
			      ", at gpa 0x%" PRIx64
			      ": the guest does not meet the poison",
			      done->pfn, pfn, p->gpa);
	return err_os(e, 0,
		      "the kernel answered success, but the page at gpa "
		      "0x%" PRIx64 " is still mapped: a filter in "
		      "/sys/kernel/debug/hwpoison (corrupt-filter-enable) "
		      "leaves it out, or dmesg says why",
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

	/* For writing: while its pfn is used the page must stay. */
	pthread_rwlock_wrlock(&m->lock);
	if (memory_check_locked(m, gpa, PAGE_SIZE, PAGE_SIZE, e) ||
	    !memory_piece(m, gpa, PAGE_SIZE, &piece))
		goto out;
	if (any_private(m, &piece)) {
		err_state(e,
			  "gpa 0x%" PRIx64 " is private: the host has another "
			  "page mapped there",
			  gpa);
		goto out;
	}
	if (m->mode == MEM_GMEM && memory_open_locked(m, &piece, e))
		goto out;
	/* For writing, or the page that all untouched memory shares would be
	 * the one (mm/memory.c, do_anonymous_page). */
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
			0; /* it is still the guest's */
out:
	pthread_rwlock_unlock(&m->lock);
	return r;
}
