// SPDX-License-Identifier: GPL-2.0-only
/* Create the guest's memory, and read it from the host. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/num.h"
#include "kvm/kvm.h"
#include "memory/memory_piece.h"

static int create_file(struct memory *m, unsigned int i, uint64_t size,
		       struct err *e)
{
	struct mem_file *f = &m->files[i];
	char s[24];
	void *map;

	f->size = size;
	f->fd = kvm_create_guest_memfd(m->vm, size, m->gmem_flags);
	if (f->fd < 0)
		return err_kvm(
			e, -f->fd,
			"KVM_CREATE_GUEST_MEMFD of %s with flags 0x%" PRIx64,
			num_size(size, s), m->gmem_flags);
	if (m->mode != MEM_GMEM)
		return 0;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_NORESERVE, f->fd, 0);
	if (map == MAP_FAILED)
		return err_os(e, errno, "mmap of a gmem file of %s",
			      num_size(size, s));
	f->map = map;
	return 0;
}

static int create_files(struct memory *m, const struct mem_plan *plan,
			struct err *e)
{
	uint64_t size[MEM_MAX_FILES] = { 0 };

	if (m->mode == MEM_ANON)
		return 0;
	for (unsigned int i = 0; i < plan->nr; i++) {
		const struct mem_slot_plan *s = &plan->slots[i];

		if (s->file != MEM_NO_FILE &&
		    s->offset + s->size > size[s->file])
			size[s->file] = s->offset + s->size;
	}
	for (unsigned int i = 0; i < MEM_MAX_FILES; i++) {
		if (!size[i])
			continue;
		m->nr_files = i + 1;
		if (create_file(m, i, size[i], e))
			return -1;
	}
	return 0;
}

/* Is the slot's userspace_addr the gmem file? */
static bool maps_file(struct memory *m, const struct mem_slot *s)
{
	return m->mode == MEM_GMEM && memory_file(m, s);
}

/* Set a slot at @gpa in KVM; size 0 deletes it. */
int memory_bind(struct memory *m, unsigned int id, uint64_t gpa, uint64_t size)
{
	struct mem_slot *s = &m->slots[id];
	const struct mem_file *f = memory_file(m, s);
	struct gpc_memory_region2 r = {
		.slot = id,
		.flags = GPC_MEM_GUEST_MEMFD,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)s->hva,
		.guest_memfd_offset = s->offset,
	};

	if (!f)
		return kvm_set_memory_region(m->vm, id, 0, gpa, size,
					     (uintptr_t)s->hva);
	r.guest_memfd = (uint32_t)f->fd;
	return kvm_set_memory_region2(m->vm, &r);
}

static int create_slot(struct memory *m, unsigned int id,
		       const struct mem_slot_plan *p, struct err *e)
{
	struct mem_slot *s = &m->slots[id];
	char size[24];
	void *map;
	int r;

	*s = (struct mem_slot){
		.gpa = p->gpa,
		.home = p->gpa,
		.size = p->size,
		.file = p->file,
		.offset = p->offset,
		.shared = p->shared,
	};
	if (maps_file(m, s)) {
		s->hva = m->files[p->file].map + p->offset;
	} else {
		map = mmap(NULL, p->size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (map == MAP_FAILED)
			return err_os(e, errno,
				      "mmap of %s of anonymous memory",
				      num_size(p->size, size));
		s->hva = map;
	}
	m->nr_slots = id + 1;
	r = memory_bind(m, id, s->gpa, s->size);
	if (r < 0)
		return err_kvm(
			e, -r,
			"KVM refused memory slot %u (%s at gpa 0x%" PRIx64 ", "
			"offset 0x%" PRIx64 ")",
			id, num_size(p->size, size), p->gpa, p->offset);
	s->present = true;
	return 0;
}

static uint64_t gmem_flags(const struct mem_plan *plan,
			   const struct gmem_offer *o)
{
	uint64_t flags = plan->mode == MEM_GMEM ? o->shared_flags
						: o->private_flags;

	return plan->no_direct_map ? flags | o->no_direct_map : flags;
}

int memory_create(struct memory *m, const struct mem_plan *plan, int vm,
		  const struct gmem_offer *offer, struct err *e)
{
	pthread_rwlockattr_t attr;

	memset(m, 0, sizeof(*m));
	m->vm = vm;
	m->mode = plan->mode;
	m->no_direct_map = plan->no_direct_map;
	m->family = offer->family;
	m->gmem_flags = gmem_flags(plan, offer);
	m->out_of_map = m->gmem_flags & offer->no_direct_map;
	for (unsigned int i = 0; i < MEM_MAX_FILES; i++)
		m->files[i].fd = -1;
	attrs_init(&m->attrs);
	/* Prefer writers: a storm's continuous readers must not starve them. No
	 * reader takes the lock twice. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&m->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	/* Open pagemap before CAP_SYS_ADMIN is dropped: without it the opener
	 * reads no pfns (fs/proc/task_mmu.c, pagemap_read). */
	m->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (mem_plan_check(plan, e) || create_files(m, plan, e))
		return -1;
	for (unsigned int i = 0; i < plan->nr; i++)
		if (create_slot(m, i, &plan->slots[i], e))
			return -1;
	return 0;
}

void memory_destroy(struct memory *m)
{
	for (unsigned int i = 0; i < m->nr_slots; i++)
		if (!maps_file(m, &m->slots[i]) && m->slots[i].hva)
			munmap(m->slots[i].hva, m->slots[i].size);
	for (unsigned int i = 0; i < m->nr_files; i++) {
		if (m->files[i].map)
			munmap(m->files[i].map, m->files[i].size);
		if (m->files[i].fd >= 0)
			close(m->files[i].fd);
	}
	if (m->pagemap >= 0)
		close(m->pagemap);
	attrs_free(&m->attrs);
	pthread_rwlock_destroy(&m->lock);
}

uint64_t memory_size(const struct memory *m)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < m->nr_slots; i++)
		sum += m->slots[i].size;
	return sum;
}

int memory_check(struct memory *m, uint64_t gpa, uint64_t len, uint64_t align,
		 struct err *e)
{
	int r;

	pthread_rwlock_rdlock(&m->lock);
	r = memory_check_locked(m, gpa, len, align, e);
	pthread_rwlock_unlock(&m->lock);
	return r;
}

/* cachestat(2) of 6.5, unknown to Debian 12's headers. */
#define NR_CACHESTAT 451

struct cache_range {
	uint64_t off, len;
};

struct cache_stat {
	uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

/*
 * Is the page there? Returns 0, 1 or -errno. Must not touch it: reading a
 * punched page through the mapping would allocate a new one and spoil what the
 * user wants to see. mincore() will not do, as it counts only pages that were
 * filled (mm/mincore.c, folio_test_uptodate): those that fallocate() adds to a
 * gmem file are not.
 */
static int resident(struct memory *m, const struct mem_piece *p)
{
	const uintptr_t page = (uintptr_t)p->hva & ~(PAGE_SIZE - 1);
	struct cache_range range = { p->offset & ~(PAGE_SIZE - 1), PAGE_SIZE };
	struct cache_stat stat = { 0 };
	unsigned char vec = 0;

	if (maps_file(m, p->slot) &&
	    !syscall(NR_CACHESTAT, m->files[p->slot->file].fd, &range, &stat,
		     0))
		return !!stat.cached;

	return mincore((void *)page, PAGE_SIZE, &vec) ? -errno : vec & 1;
}

/* Copy one page; returns the number of pages (0, 1) that were backed, or -1. */
static int peek_page(struct memory *m, const struct mem_piece *p, uint8_t *buf,
		     uint64_t len, struct err *e)
{
	int r;

	if (maps_file(m, p->slot) && memory_open_locked(m, p, e))
		return -1;
	r = resident(m, p);
	if (r < 0)
		return err_os(e, -r, "mincore of gpa 0x%" PRIx64, p->gpa);
	if (!r) {
		memset(buf, 0, len);
		return 0;
	}
	/* Not memcpy(): a poisoned page would raise SIGBUS. */
	r = host_copy(buf, p->hva, len);
	if (r < 0)
		return err_os(e, -r,
			      "the host cannot read the page at gpa 0x%" PRIx64
			      " (is it poisoned?)",
			      p->gpa);
	return 1;
}

int memory_peek(struct memory *m, uint64_t gpa, void *buf, uint64_t len,
		uint64_t *pages, struct err *e)
{
	uint8_t *to = buf;
	struct mem_piece p;
	int r;

	*pages = 0;
	pthread_rwlock_rdlock(&m->lock);
	r = memory_check_locked(m, gpa, len, 1, e);
	while (r >= 0 && len && memory_piece(m, gpa, len, &p)) {
		uint64_t n = PAGE_SIZE - (gpa & (PAGE_SIZE - 1));

		if (n > p.len)
			n = p.len;
		r = peek_page(m, &p, to, n, e);
		*pages += r > 0;
		to += n;
		gpa += n;
		len -= n;
	}
	pthread_rwlock_unlock(&m->lock);
	return r < 0 ? -1 : 0;
}

/* Fault in what is about to be written: if the host may not access the pages,
 * the write itself would raise SIGBUS. Kernels before 5.14 do not know the
 * advice. */
int memory_populate(const struct mem_piece *p)
{
	uintptr_t start = (uintptr_t)p->hva & ~(PAGE_SIZE - 1);
	uintptr_t end = align_up((uintptr_t)p->hva + p->len, PAGE_SIZE);

	if (madvise((void *)start, end - start, MADV_POPULATE_WRITE) &&
	    errno != EINVAL)
		return -1;
	return 0;
}

int memory_back(struct memory *m, uint64_t gpa, uint64_t len)
{
	struct mem_piece p;

	if (memory_check(m, gpa, len, 1, NULL))
		return -1;
	for (; len && memory_piece(m, gpa, len, &p); len -= p.len) {
		if (memory_populate(&p))
			return -1;
		gpa += p.len;
	}
	return 0;
}

int memory_load(struct memory *m, uint64_t gpa, const void *data, uint64_t len,
		struct err *e)
{
	const uint8_t *from = data;
	struct mem_piece p;

	if (!len)
		return 0;
	if (memory_check(m, gpa, len, 1, e))
		return -1;
	for (; len && memory_piece(m, gpa, len, &p); len -= p.len) {
		if (memory_populate(&p))
			return err_os(
				e, errno,
				"the host cannot write the guest's memory at "
				"gpa 0x%" PRIx64 " (gmem flags 0x%" PRIx64
				" without INIT_SHARED, or no memory left?)",
				gpa, m->gmem_flags);
		memcpy(p.hva, from, p.len);
		from += p.len;
		gpa += p.len;
	}
	return 0;
}

int memory_gpa(struct memory *m, uintptr_t hva, uint64_t *gpa)
{
	int r = -1;

	pthread_rwlock_rdlock(&m->lock);
	for (unsigned int i = 0; i < m->nr_slots; i++) {
		const struct mem_slot *s = &m->slots[i];

		if (hva - (uintptr_t)s->hva >= s->size)
			continue;
		*gpa = s->gpa + (hva - (uintptr_t)s->hva);
		r = memory_slot(m, *gpa) == s ? 0 : -1;
		break;
	}
	pthread_rwlock_unlock(&m->lock);
	return r;
}

int memory_pagemap(const struct memory *m, const void *addr, uint64_t *pfn)
{
	/* Documentation/admin-guide/mm/pagemap.rst: bit 63 is present, bits
	 * 0..54 are the pfn, which reads as 0 without permission. */
	const uint64_t present = UINT64_C(1) << 63;
	const uint64_t mask = (UINT64_C(1) << 55) - 1;
	off_t at = (off_t)((uintptr_t)addr / PAGE_SIZE * 8);
	uint64_t entry = 0;

	if (m->pagemap < 0 || pread(m->pagemap, &entry, 8, at) != 8)
		entry = 0;
	*pfn = entry & mask;
	return (entry & present) && *pfn ? 0 : -1;
}

int memory_pfn_locked(struct memory *m, uint64_t gpa, uint64_t *pfn)
{
	struct mem_piece p;

	*pfn = 0;
	/* If the page is private the host maps the alias, a different page. */
	if (attrs_private(&m->attrs, gpa) || !memory_piece(m, gpa, 1, &p))
		return -1;
	return memory_pagemap(m, p.hva, pfn);
}

int memory_hva(struct memory *m, uint64_t gpa, uint64_t *hva, struct err *e)
{
	struct mem_piece p;
	bool found;

	pthread_rwlock_rdlock(&m->lock);
	found = memory_piece(m, gpa, 1, &p);
	pthread_rwlock_unlock(&m->lock);
	if (!found)
		return err_range(e, "gpa 0x%" PRIx64 " is not in RAM", gpa);
	*hva = (uintptr_t)p.hva;
	return 0;
}

int memory_pfn_now(struct memory *m, uint64_t gpa, uint64_t *pfn)
{
	int r = -1;

	*pfn = 0;
	if (pthread_rwlock_tryrdlock(&m->lock))
		return -1;
	r = memory_pfn_locked(m, gpa, pfn);
	pthread_rwlock_unlock(&m->lock);
	return r;
}

int memory_pfn(struct memory *m, uint64_t gpa, uint64_t *pfn)
{
	int r;

	pthread_rwlock_rdlock(&m->lock);
	r = memory_pfn_locked(m, gpa, pfn);
	pthread_rwlock_unlock(&m->lock);
	return r;
}
