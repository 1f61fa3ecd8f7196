// SPDX-License-Identifier: GPL-2.0-only
/* Delete, restore and move slots, and close their files, while a guest runs. */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"
#include "memory/memory_piece.h"

void memory_slot_now(struct memory *m, unsigned int id, struct mem_slot *out)
{
	pthread_rwlock_rdlock(&m->lock);
	*out = m->slots[id];
	pthread_rwlock_unlock(&m->lock);
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
	err_range(e, "no slot %u: expected 0 to %u", id, m->nr_slots - 1);
	return NULL;
}

static int bind(struct memory *m, unsigned int id, uint64_t gpa, uint64_t size,
		struct err *e)
{
	struct mem_change ch = { .kind = size ? MEM_SLOT_THERE : MEM_SLOT_GONE,
				 .gpa = gpa,
				 .len = m->slots[id].size };
	int r;

	memory_begin(m, &ch);
	r = memory_bind(m, id, gpa, size);
	if (r >= 0) {
		m->slots[id].present = size;
		m->slots[id].gone = m->generation + 1;
	}
	memory_end(m, &ch, r < 0);
	if (r < 0)
		return err_kvm(e, -r,
			       "KVM refused %s of slot %u at gpa 0x%" PRIx64,
			       size ? "the creation" : "the deletion", id, gpa);
	m->generation++;
	m->changes++;
	return 0;
}

int memory_slot_delete(struct memory *m, unsigned int id, struct err *e)
{
	struct mem_slot *s;
	int r = -1;

	pthread_rwlock_wrlock(&m->lock);
	s = slot_by_id(m, id, e);
	if (s && !s->present)
		err_state(e, "slot %u is already deleted", id);
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
				 "slot %u cannot move to gpa 0x%" PRIx64 ": "
				 "unaligned, or it wraps around",
				 id, gpa);
	for (unsigned int i = 0; i < m->nr_slots; i++) {
		const struct mem_slot *o = &m->slots[i];

		if (i != id && o->present && gpa < o->gpa + o->size &&
		    o->gpa < gpa + s->size)
			return err_range(e,
					 "slot %u cannot move to gpa 0x%" PRIx64
					 ": it "
					 "overlaps slot %u at gpa 0x%" PRIx64,
					 id, gpa, i, o->gpa);
	}
	return 0;
}

int memory_slot_check(struct memory *m, unsigned int id, uint64_t gpa,
		      struct err *e)
{
	int r;

	pthread_rwlock_rdlock(&m->lock);
	r = check_target(m, &m->slots[id], id, gpa, e);
	pthread_rwlock_unlock(&m->lock);
	return r;
}

/*
 * Move a slot to @gpa by deleting and setting it. KVM cannot move a slot with a
 * gmem file (virt/kvm/kvm_main.c, __kvm_set_memory_region), only an anonymous
 * one; using two steps for both keeps the modes comparable. If the second step
 * fails, the slot returns to its old gpa.
 */
static int rebind(struct memory *m, unsigned int id, uint64_t gpa,
		  struct err *e)
{
	struct mem_slot *s = &m->slots[id];
	const bool was = s->present;
	struct err why = { .os_errno = 0 };

	if (was && bind(m, id, s->gpa, 0, e))
		return -1;
	if (!bind(m, id, gpa, s->size, &why)) {
		s->gpa = gpa;
		return 0;
	}
	err_set(e, why.kind, 0,
		!was ? "%s; it stays deleted"
		: bind(m, id, s->gpa, s->size, NULL)
			? "%s; it could not return to its old gpa and stays "
			  "deleted"
			: "%s; it stays at its old gpa",
		why.msg);
	if (e)
		e->os_errno = why.os_errno;
	return -1;
}

/* Binding it again would need its file. */
static int check_file(struct memory *m, const struct mem_slot *s,
		      unsigned int id, struct err *e)
{
	const struct mem_file *f = memory_file(m, s);

	if (!f || !f->closed)
		return 0;
	return err_state(e,
			 "the gmem file %u of slot %u is closed (slot close)",
			 s->file, id);
}

int memory_slot_restore(struct memory *m, unsigned int id, struct err *e)
{
	struct mem_slot *s;
	int r = -1;

	pthread_rwlock_wrlock(&m->lock);
	s = slot_by_id(m, id, e);
	if (s && s->present && s->gpa == s->home)
		err_state(e, "slot %u is already at its home, gpa 0x%" PRIx64,
			  id, s->home);
	else if (s && !check_file(m, s, id, e) &&
		 !check_target(m, s, id, s->home, e))
		r = rebind(m, id, s->home, e);
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
	if (s && !check_file(m, s, id, e) && !check_target(m, s, id, gpa, e))
		r = rebind(m, id, gpa, e);
	pthread_rwlock_unlock(&m->lock);
	return r;
}

/* Replace the host's mapping, which holds a reference to the file, with one
 * that cannot be accessed. The addresses stay taken: they are the
 * userspace_addr of KVM's slots. */
static int unmap_file(struct mem_file *f, unsigned int number, struct err *e)
{
	void *map;

	if (!f->map)
		return 0;
	map = mmap(f->map, f->size, PROT_NONE,
		   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		   0);
	if (map == MAP_FAILED)
		return err_os(e, errno, "mmap over gmem file %u", number);
	return 0;
}

int memory_slot_close(struct memory *m, unsigned int id, struct err *e)
{
	struct mem_change ch = { .kind = MEM_CLOSED };
	struct mem_file *f;
	struct mem_slot *s;
	int r = -1;

	pthread_rwlock_wrlock(&m->lock);
	s = slot_by_id(m, id, e);
	if (!s || check_file(m, s, id, e))
		goto out;
	f = memory_file(m, s);
	if (!f) {
		err_state(e, "slot %u has no gmem file to close", id);
		goto out;
	}
	ch.file = s->file;
	memory_begin(m, &ch);
	r = unmap_file(f, s->file, e);
	if (!r) {
		/* The descriptor is gone even if close() fails. */
		close(f->fd);
		f->fd = -1;
		f->closed = true;
		m->changes++;
	}
	memory_end(m, &ch, r);
out:
	pthread_rwlock_unlock(&m->lock);
	return r;
}
