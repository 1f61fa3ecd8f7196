/* SPDX-License-Identifier: GPL-2.0-only */
/* Core files as a kernel makes them, or would not; reads that fail; words to
 * look for. For one program each. */
#ifndef GPCVM_FAKE_CORE_H
#define GPCVM_FAKE_CORE_H

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit.h"
#include "base/num.h"
#include "host/kcore.h"

#define BASE	     UINT64_C(0xffff888000000000) /* of the direct map */
#define TEXT	     UINT64_C(0xffffffff81000000)
#define VMALLOC	     UINT64_C(0xffffc90000000000)
#define DATA	     (16 * MIB) /* where segments begin in the file */
#define MASK	     UINT64_C(0x6d61736b6d61736b)
#define PLACE	     (PAGE_SIZE - 64)
#define MEMFD_SECRET 447 /* the system call */

/* ---- reads that fail ---------------------------------------------------- */

static struct {
	off_t from, to;		  /* reads that reach into this fail ... */
	int err;		  /* ... with that; 0: none does */
	size_t most;		  /* a read returns no more; 0: all */
	unsigned int interrupted; /* so many reads fail with EINTR first */
	unsigned int reads;
} inject;

/* Instead of libc's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	inject.reads++;
	if (inject.interrupted) {
		inject.interrupted--;
		errno = EINTR;
		return -1;
	}
	if (inject.err && at < inject.to && at + (off_t)n > inject.from) {
		errno = inject.err;
		return -1;
	}
	if (inject.most && n > inject.most)
		n = inject.most;
	return syscall(SYS_pread64, fd, buf, n, at);
}

/* ---- core files --------------------------------------------------------- */

struct core {
	int fd;
	unsigned int nr;
	uint64_t end; /* of the data */
};

static inline void put(const struct core *c, const void *data, size_t len,
		       uint64_t at)
{
	assert_int_equal(pwrite(c->fd, data, len, (off_t)at), (ssize_t)len);
}

static inline void put_header(const struct core *c)
{
	Elf64_Ehdr h = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(h),
		.e_ehsize = sizeof(h),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (uint16_t)c->nr,
	};

	put(c, &h, sizeof(h), 0);
}

/* Returns where the segment's data is in the file. */
static inline uint64_t add(struct core *c, uint32_t type, uint64_t vaddr,
			   uint64_t paddr, uint64_t size)
{
	Elf64_Phdr p = { .p_type = type,
			 .p_offset = c->end,
			 .p_vaddr = vaddr,
			 .p_paddr = paddr,
			 .p_filesz = size,
			 .p_memsz = size };

	put(c, &p, sizeof(p), sizeof(Elf64_Ehdr) + c->nr * sizeof(p));
	c->nr++;
	put_header(c);
	c->end += size;
	assert_int_equal(ftruncate(c->fd, (off_t)c->end), 0);
	return p.p_offset;
}

static inline uint64_t add_ram(struct core *c, uint64_t phys, uint64_t size)
{
	return add(c, PT_LOAD, BASE + phys, phys, size);
}

static inline struct core new_core(void)
{
	struct core c = { .fd = memfd_create("core", MFD_CLOEXEC),
			  .end = DATA };

	assert_true(c.fd >= 0);
	memset(&inject, 0, sizeof(inject));
	put_header(&c);
	return c;
}

/* A core as the kernel makes it: 2 MiB of RAM at 1 MiB, 1 MiB at 16 MiB. */
static inline struct core usual(uint64_t at[4])
{
	struct core c = new_core();

	add(&c, PT_NOTE, 0, 0, PAGE_SIZE);
	at[2] = add(&c, PT_LOAD, TEXT, MIB, MIB);
	at[3] = add(&c, PT_LOAD, VMALLOC, UINT64_MAX, MIB);
	at[0] = add_ram(&c, MIB, 2 * MIB);
	add(&c, PT_LOAD, UINT64_C(0xffffea0000000000), UINT64_MAX, MIB);
	at[1] = add_ram(&c, 16 * MIB, MIB);
	return c;
}

static inline void close_core(struct core *c, struct kcore_map *map)
{
	kcore_map_free(map);
	close(c->fd);
	memset(&inject, 0, sizeof(inject));
}

/* ---- secrets ------------------------------------------------------------ */

static inline struct kcore_secret make_secret(unsigned int id, uint32_t offset)
{
	struct kcore_secret s = { .offset = offset, .id = id };

	for (unsigned int i = 0; i < SECRET_WORDS; i++)
		s.masked[i] =
			(id + 1) * UINT64_C(0x9e3779b97f4a7c15) * (i * 2 + 1);
	return s;
}

static inline void plant(const struct core *c, const struct kcore_secret *s,
			 uint64_t page)
{
	uint64_t words[SECRET_WORDS];

	for (int i = 0; i < SECRET_WORDS; i++)
		words[i] = s->masked[i] ^ MASK;
	put(c, words, sizeof(words), page + s->offset);
}

static inline struct kcore_scan scan_for(const struct core *c,
					 const struct kcore_map *map,
					 struct kcore_secret *s,
					 unsigned int nr)
{
	struct kcore_scan scan = { .mask = MASK, .secrets = s, .nr = nr };

	assert_int_equal(kcore_scan(c->fd, map, &scan, NULL), 0);
	return scan;
}

/* Is one secret, planted at @page of the file, found, and at @phys? */
static inline bool found_at(struct core *c, uint32_t offset, uint64_t page,
			    uint64_t phys)
{
	struct kcore_secret s = make_secret(7, offset);
	struct kcore_map map;

	plant(c, &s, page);
	assert_int_equal(kcore_map_read(c->fd, &map, NULL), 0);
	scan_for(c, &map, &s, 1);
	kcore_map_free(&map);
	return s.found && s.phys == phys;
}

static inline struct kcore_map read_map(const struct core *c)
{
	struct kcore_map map;

	assert_int_equal(kcore_map_read(c->fd, &map, NULL), 0);
	return map;
}

#endif
