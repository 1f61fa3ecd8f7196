// SPDX-License-Identifier: GPL-2.0-only
/* What is done to the guest's memory while it runs. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <sys/mman.h>

#include "kvm.h"
#include "memory_piece.h"
#include "num.h"

typedef int (*piece_fn)(struct memory *m, const struct mem_piece *p);

/* Check the range, then call @fn (0 or -1 and errno) for each of its pieces. */
static int each_piece(struct memory *m, uint64_t gpa, uint64_t len, piece_fn fn,
		      const char *what, struct err *e)
{
	struct mem_piece p;
	int r = 0;

	pthread_rwlock_rdlock(&m->lock);
	if (memory_check_locked(m, gpa, len, PAGE_SIZE, e)) {
		pthread_rwlock_unlock(&m->lock);
		return -1;
	}
	for (; len && memory_piece(m, gpa, len, &p); len -= p.len) {
		if (fn(m, &p)) {
			r = err_os(e, errno,
				   "%s at gpa 0x%" PRIx64 ", length 0x%" PRIx64,
				   what, gpa, p.len);
			break;
		}
		gpa += p.len;
	}
	pthread_rwlock_unlock(&m->lock);
	return r;
}

static int punch_piece(struct memory *m, const struct mem_piece *p)
{
	if (m->mode == MEM_ANON)
		return madvise(p->hva, p->len, MADV_DONTNEED);
	return fallocate(m->files[p->slot->file].fd,
			 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 (off_t)p->offset, (off_t)p->len);
}

int memory_punch(struct memory *m, uint64_t gpa, uint64_t len, struct err *e)
{
	return each_piece(m, gpa, len, punch_piece, "punch", e);
}

static int allocate_piece(struct memory *m, const struct mem_piece *p)
{
	if (m->mode == MEM_ANON)
		return madvise(p->hva, p->len, MADV_POPULATE_WRITE);
	return fallocate(m->files[p->slot->file].fd, FALLOC_FL_KEEP_SIZE,
			 (off_t)p->offset, (off_t)p->len);
}

int memory_allocate(struct memory *m, uint64_t gpa, uint64_t len, struct err *e)
{
	return each_piece(m, gpa, len, allocate_piece, "allocate", e);
}

int memory_set_private(struct memory *m, uint64_t gpa, uint64_t len,
		       bool private, struct err *e)
{
	uint64_t attrs = private ? GPC_MEMORY_ATTRIBUTE_PRIVATE : 0;
	int r;

	if (memory_check(m, gpa, len, PAGE_SIZE, e))
		return -1;
	if (m->mode != MEM_GMEM_PRIVATE)
		return err_unsupported(
			e,
			"memory mode %s has no private memory: a machine "
			"with --memory gmem-private has",
			mem_mode_name(m->mode, m->no_direct_map));
	/* The list and KVM change together, or two flips of one page could
	 * end the other way round in one of them. */
	pthread_rwlock_wrlock(&m->lock);
	r = kvm_set_memory_attributes(m->vm, gpa, len, attrs);
	if (r < 0)
		r = err_kvm(e, -r,
			    "KVM_SET_MEMORY_ATTRIBUTES of gpa 0x%" PRIx64
			    ", length 0x%" PRIx64 " to %s",
			    gpa, len, private ? "private" : "shared");
	else if (attrs_set(&m->attrs, gpa, gpa + len, private))
		r = err_os(e, ENOMEM,
			   "remembering the attribute of gpa 0x%" PRIx64, gpa);
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

int memory_poison(struct memory *m, uint64_t gpa, struct err *e)
{
	struct mem_piece p;
	int r = 0;

	pthread_rwlock_rdlock(&m->lock);
	if (memory_check_locked(m, gpa, PAGE_SIZE, PAGE_SIZE, e) ||
	    !memory_piece(m, gpa, PAGE_SIZE, &p))
		r = -1;
	else if (m->mode == MEM_GMEM_PRIVATE && attrs_private(&m->attrs, gpa))
		r = err_unsupported(e,
				    "gpa 0x%" PRIx64
				    " is private: MADV_HWPOISON reaches "
				    "only what the host has mapped",
				    gpa);
	else if (madvise(p.hva, PAGE_SIZE, MADV_HWPOISON))
		r = errno == EINVAL || errno == EPERM
			    ? err_set(e, ERR_UNSUPPORTED, errno,
				      "MADV_HWPOISON (it needs CONFIG_MEMORY_FAILURE, and "
				      "CAP_SYS_ADMIN, which gpcvm gives up before the "
				      "guest runs)")
			    : err_os(e, errno,
				     "MADV_HWPOISON at gpa 0x%" PRIx64, gpa);
	pthread_rwlock_unlock(&m->lock);
	return r;
}

bool memory_present(struct memory *m, uint64_t gpa)
{
	const struct mem_slot *s;
	bool r;

	pthread_rwlock_rdlock(&m->lock);
	s = memory_slot(m, gpa);
	r = s && s->present;
	pthread_rwlock_unlock(&m->lock);
	return r;
}

static struct mem_slot *slot_by_id(struct memory *m, unsigned int id,
				   struct err *e)
{
	if (id < m->nr_slots)
		return &m->slots[id];
	err_range(e, "no slot %u: there are slots 0 to %u", id,
		  m->nr_slots - 1);
	return NULL;
}

static int bind(struct memory *m, unsigned int id, uint64_t gpa, uint64_t size,
		struct err *e)
{
	int r = memory_bind(m, id, gpa, size);

	if (r < 0)
		return err_kvm(e, -r,
			       "KVM refuses %s of slot %u at gpa 0x%" PRIx64,
			       size ? "the creation" : "the deletion", id, gpa);
	m->slots[id].present = size;
	__atomic_add_fetch(&m->generation, 1, __ATOMIC_RELEASE);
	return 0;
}

int memory_slot_delete(struct memory *m, unsigned int id, struct err *e)
{
	struct mem_slot *s;
	int r = -1;

	pthread_rwlock_wrlock(&m->lock);
	s = slot_by_id(m, id, e);
	if (s && !s->present)
		err_state(e, "slot %u is deleted already", id);
	else if (s)
		r = bind(m, id, s->gpa, 0, e);
	pthread_rwlock_unlock(&m->lock);
	return r;
}

static int check_target(struct memory *m, const struct mem_slot *s,
			unsigned int id, uint64_t gpa, struct err *e)
{
	if (gpa & (PAGE_SIZE - 1) || gpa + s->size < gpa)
		return err_range(e,
				 "slot %u cannot go to gpa 0x%" PRIx64
				 ": unaligned, or it wraps around",
				 id, gpa);
	for (unsigned int i = 0; i < m->nr_slots; i++) {
		const struct mem_slot *o = &m->slots[i];

		if (i != id && gpa < o->gpa + o->size && o->gpa < gpa + s->size)
			return err_range(e,
					 "slot %u cannot go to gpa 0x%" PRIx64
					 ": slot %u is there",
					 id, gpa, i);
	}
	return 0;
}

int memory_slot_restore(struct memory *m, unsigned int id, struct err *e)
{
	struct mem_slot *s;
	int r = -1;

	pthread_rwlock_wrlock(&m->lock);
	s = slot_by_id(m, id, e);
	if (s && s->present && s->gpa == s->home)
		err_state(e, "slot %u is where it belongs, at gpa 0x%" PRIx64,
			  id, s->home);
	else if (s && !check_target(m, s, id, s->home, e) &&
		 (!s->present || !bind(m, id, s->gpa, 0, e))) {
		s->gpa = s->home;
		r = bind(m, id, s->gpa, s->size, e);
	}
	pthread_rwlock_unlock(&m->lock);
	return r;
}

int memory_slot_move(struct memory *m, unsigned int id, uint64_t gpa,
		     struct err *e)
{
	struct mem_slot *s;
	int r = -1;

	pthread_rwlock_wrlock(&m->lock);
	s = slot_by_id(m, id, e);
	if (!s || check_target(m, s, id, gpa, e))
		goto out;
	/* A slot with a gmem file cannot change its gpa while it lives
	 * (kvm_main.c, __kvm_set_memory_region), anonymous ones can: the same
	 * two steps for both keep the modes comparable. */
	if (s->present && bind(m, id, s->gpa, 0, e))
		goto out;
	r = bind(m, id, gpa, s->size, e);
	if (!r)
		s->gpa = gpa;
	else /* back to where it was; the first error is the one to tell */
		(void)bind(m, id, s->gpa, s->size, NULL);
out:
	pthread_rwlock_unlock(&m->lock);
	return r;
}
