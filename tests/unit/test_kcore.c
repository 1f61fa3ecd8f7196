// SPDX-License-Identifier: GPL-2.0-only
/* The direct map in an ELF core, and words looked for in it. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit.h"
#include "kcore.h"
#include "num.h"

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

static void put(const struct core *c, const void *data, size_t len, uint64_t at)
{
	assert_int_equal(pwrite(c->fd, data, len, (off_t)at), (ssize_t)len);
}

static void put_header(const struct core *c)
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
static uint64_t add(struct core *c, uint32_t type, uint64_t vaddr,
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

static uint64_t add_ram(struct core *c, uint64_t phys, uint64_t size)
{
	return add(c, PT_LOAD, BASE + phys, phys, size);
}

static struct core new_core(void)
{
	struct core c = { .fd = memfd_create("core", MFD_CLOEXEC),
			  .end = DATA };

	assert_true(c.fd >= 0);
	memset(&inject, 0, sizeof(inject));
	put_header(&c);
	return c;
}

/* A core as the kernel makes it: 2 MiB of RAM at 1 MiB, 1 MiB at 16 MiB. */
static struct core usual(uint64_t at[4])
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

static void close_core(struct core *c, struct kcore_map *map)
{
	kcore_map_free(map);
	close(c->fd);
	memset(&inject, 0, sizeof(inject));
}

/* ---- secrets ------------------------------------------------------------ */

static struct kcore_secret make_secret(unsigned int id, uint32_t offset)
{
	struct kcore_secret s = { .offset = offset, .id = id };

	for (unsigned int i = 0; i < SECRET_WORDS; i++)
		s.masked[i] =
			(id + 1) * UINT64_C(0x9e3779b97f4a7c15) * (i * 2 + 1);
	return s;
}

static void plant(const struct core *c, const struct kcore_secret *s,
		  uint64_t page)
{
	uint64_t words[SECRET_WORDS];

	for (int i = 0; i < SECRET_WORDS; i++)
		words[i] = s->masked[i] ^ MASK;
	put(c, words, sizeof(words), page + s->offset);
}

static struct kcore_scan scan_for(const struct core *c,
				  const struct kcore_map *map,
				  struct kcore_secret *s, unsigned int nr)
{
	struct kcore_scan scan = { .mask = MASK, .secrets = s, .nr = nr };

	assert_int_equal(kcore_scan(c->fd, map, &scan, NULL), 0);
	return scan;
}

/* Is one secret, planted at @page of the file, found, and at @phys? */
static bool found_at(struct core *c, uint32_t offset, uint64_t page,
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

static struct kcore_map read_map(const struct core *c)
{
	struct kcore_map map;

	assert_int_equal(kcore_map_read(c->fd, &map, NULL), 0);
	return map;
}

/* ---- which segments ----------------------------------------------------- */

static void only_the_direct_map_is_taken(void **state)
{
	uint64_t at[4];
	struct core c = usual(at);
	struct kcore_map map = read_map(&c);

	(void)state;
	assert_int_equal(map.nr, 2);
	assert_true(map.size == 3 * MIB);
	assert_true(map.segments[0].phys == MIB);
	assert_true(map.segments[0].offset == at[0]);
	assert_true(map.segments[1].phys == 16 * MIB);
	assert_true(map.segments[1].size == MIB);
	close_core(&c, &map);
}

static void thousands_of_segments_are_all_searched(void **state)
{
	enum { MANY = 20000 };
	struct core c = new_core();
	struct kcore_map map = { 0 };
	uint64_t last = 0;

	(void)state;
	for (unsigned int i = 0; i < MANY; i++)
		last = add_ram(&c, 2 * PAGE_SIZE * i, PAGE_SIZE);
	assert_true(found_at(&c, PLACE, last,
			     UINT64_C(2) * PAGE_SIZE * (MANY - 1)));
	close_core(&c, &map);
}

static void refused(struct core *c, enum err_kind kind)
{
	struct kcore_map map;
	struct err e = { 0 };

	assert_int_equal(kcore_map_read(c->fd, &map, &e), -1);
	assert_int_equal(e.kind, kind);
	assert_true(strlen(e.msg) > 20);
	assert_null(map.segments);
	close_core(c, &map);
}

/* @len bytes of @value at @at of a good header. */
static void bad_header(uint64_t at, const void *value, size_t len)
{
	uint64_t where[4];
	struct core c = usual(where);

	put(&c, value, len, at);
	refused(&c, ERR_UNSUPPORTED);
}

#define BAD(member, ...)                                                       \
	bad_header(offsetof(Elf64_Ehdr, member),                               \
		   &(__typeof__(((Elf64_Ehdr *)0)->member)){ __VA_ARGS__ },    \
		   sizeof(((Elf64_Ehdr *)0)->member))

static void what_is_no_x86_64_core_is_refused(void **state)
{
	const unsigned char class32 = ELFCLASS32, msb = ELFDATA2MSB, x = 'x';

	(void)state;
	bad_header(0, &x, 1);
	bad_header(EI_CLASS, &class32, 1);
	bad_header(EI_DATA, &msb, 1);
	BAD(e_type, ET_EXEC);
	BAD(e_machine, EM_AARCH64);
	BAD(e_phentsize, 32);
	BAD(e_phnum, 0);
	BAD(e_phoff, UINT64_MAX - 8);
}

static void a_file_that_ends_too_soon_is_an_error(void **state)
{
	uint64_t at[4];
	struct core c = new_core();

	(void)state;
	assert_int_equal(ftruncate(c.fd, 0), 0);
	refused(&c, ERR_OS);
	c = usual(at);
	assert_int_equal(ftruncate(c.fd, 100), 0);
	refused(&c, ERR_OS);
	c = usual(at);
	inject.from = 64;
	inject.to = 65;
	inject.err = EIO;
	refused(&c, ERR_OS);
}

static void a_core_without_a_direct_map_is_refused(void **state)
{
	struct core c = new_core();

	(void)state;
	add(&c, PT_NOTE, 0, 0, PAGE_SIZE);
	add(&c, PT_LOAD, TEXT, MIB, MIB);
	add(&c, PT_LOAD, VMALLOC, UINT64_MAX, MIB);
	refused(&c, ERR_UNSUPPORTED);
}

static void bad_segment(uint64_t vaddr, uint64_t paddr, uint64_t size)
{
	struct core c = new_core();
	Elf64_Phdr p = { .p_type = PT_LOAD,
			 .p_offset = DATA,
			 .p_vaddr = vaddr,
			 .p_paddr = paddr,
			 .p_filesz = size };

	add_ram(&c, 0, PAGE_SIZE);
	put(&c, &p, sizeof(p), sizeof(Elf64_Ehdr) + sizeof(p));
	c.nr = 2;
	put_header(&c);
	refused(&c, ERR_UNSUPPORTED);
}

static void segments_that_are_no_linear_map_are_refused(void **state)
{
	(void)state;
	bad_segment(BASE + 8 * MIB, 4 * MIB, MIB); /* another base */
	bad_segment(BASE + MIB + 1, MIB + 1, MIB); /* not aligned */
	bad_segment(BASE + MIB, MIB, MIB + 1);	   /* no whole pages */
	bad_segment(BASE - PAGE_SIZE, -PAGE_SIZE, 2 * PAGE_SIZE); /* wraps */
	bad_segment(BASE + MIB, MIB, -PAGE_SIZE); /* past every file */
}

/* ---- finding ------------------------------------------------------------ */

static void words_are_found_wherever_a_segment_has_them(void **state)
{
	static const uint32_t places[] = { 0, 8, 2048, PLACE, PAGE_SIZE - 40 };
	const uint64_t last = 2 * MIB - PAGE_SIZE;
	struct kcore_map map = { 0 };
	uint64_t at[4];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		struct core c = usual(at);

		assert_true(found_at(&c, places[i], at[0], MIB));
		close_core(&c, &map);
		c = usual(at);
		assert_true(found_at(&c, places[i], at[0] + last, MIB + last));
		close_core(&c, &map);
		c = usual(at);
		assert_true(found_at(&c, places[i], at[1] + PAGE_SIZE,
				     16 * MIB + PAGE_SIZE));
		close_core(&c, &map);
	}
}

static void words_outside_the_direct_map_are_not_found(void **state)
{
	struct kcore_map map = { 0 };
	uint64_t at[4];

	(void)state;
	for (int i = 2; i < 4; i++) { /* the kernel's image, vmalloc */
		struct core c = usual(at);
		struct kcore_secret s = make_secret(1, PLACE);
		struct kcore_scan scan;

		plant(&c, &s, at[i]);
		map = read_map(&c);
		scan = scan_for(&c, &map, &s, 1);
		assert_false(s.found);
		assert_int_equal(scan.found, 0);
		assert_true(scan.scanned == 3 * MIB);
		assert_true(scan.unreadable == 0);
		close_core(&c, &map);
	}
}

static void a_page_that_reads_as_zeros_is_not_found_but_others_are(void **state)
{
	uint64_t at[4];
	struct core c = usual(at);
	struct kcore_secret s[] = { make_secret(0, PLACE),
				    make_secret(1, PLACE) };
	struct kcore_map map = read_map(&c);

	(void)state;
	plant(&c, &s[1], at[1]);
	scan_for(&c, &map, s, 2);
	for (int i = 0; i < 2; i++) /* sorted meanwhile */
		assert_int_equal(s[i].found, s[i].id == 1);
	close_core(&c, &map);
}

static void words_at_another_place_in_a_page_are_a_copy(void **state)
{
	uint64_t at[4];
	struct core c = usual(at);
	struct kcore_secret s = make_secret(1, PLACE);
	struct kcore_map map = read_map(&c);

	(void)state;
	plant(&c, &s, at[0] - 8);
	plant(&c, &s, at[0] + PAGE_SIZE - PLACE);
	scan_for(&c, &map, &s, 1);
	assert_false(s.found);
	close_core(&c, &map);
}

static void one_wrong_word_is_no_match(void **state)
{
	struct kcore_map map = { 0 };
	uint64_t at[4];

	(void)state;
	for (int i = 0; i < SECRET_WORDS; i++) {
		struct core c = usual(at);
		struct kcore_secret s = make_secret(1, PLACE);

		plant(&c, &s, at[0]);
		s.masked[i] ^= UINT64_C(1) << 63;
		map = read_map(&c);
		scan_for(&c, &map, &s, 1);
		assert_false(s.found);
		assert_false(
			kcore_holds(c.fd, &map, MIB + PLACE, s.masked, MASK));
		close_core(&c, &map);
	}
}

static void many_secrets_are_told_apart(void **state)
{
	enum { MANY = 200 };
	static const uint32_t places[] = { 0, 512, PLACE };
	struct kcore_secret s[MANY];
	uint64_t at[4];
	struct core c = usual(at);
	struct kcore_map map = read_map(&c);
	struct kcore_scan scan;

	(void)state;
	for (unsigned int i = 0; i < MANY; i++) {
		s[i] = make_secret(i, places[i % 3]);
		s[i].masked[0] = i / 7; /* several begin alike */
		plant(&c, &s[i], at[0] + i * PAGE_SIZE);
	}
	scan = scan_for(&c, &map, s, MANY);
	assert_int_equal(scan.found, MANY);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_true(s[i].found);
		assert_true(s[i].phys == MIB + s[i].id * PAGE_SIZE);
	}
	assert_true(scan.scanned < 2 * MIB); /* it ends with the last */
	close_core(&c, &map);
}

static void a_second_scan_begins_anew(void **state)
{
	uint64_t at[4];
	struct core c = usual(at);
	struct kcore_secret s = make_secret(1, PLACE), other;
	struct kcore_map map = read_map(&c);

	(void)state;
	plant(&c, &s, at[0]);
	assert_int_equal(scan_for(&c, &map, &s, 1).found, 1);
	other = make_secret(2, PLACE);
	plant(&c, &other, at[0]);
	assert_int_equal(scan_for(&c, &map, &s, 1).found, 0);
	assert_false(s.found);
	close_core(&c, &map);
}

static void a_copy_does_not_follow_when_the_words_change(void **state)
{
	uint64_t at[4];
	struct core c = usual(at);
	struct kcore_secret old = make_secret(1, PLACE), now;
	struct kcore_map map = read_map(&c);
	const uint64_t copy = MIB + PLACE, page = MIB + PAGE_SIZE + PLACE;

	(void)state;
	plant(&c, &old, at[0]);
	plant(&c, &old, at[0] + PAGE_SIZE);
	scan_for(&c, &map, &old, 1);
	assert_true(old.found && old.phys == MIB);
	now = make_secret(2, PLACE);
	plant(&c, &now, at[0] + PAGE_SIZE);
	assert_false(kcore_holds(c.fd, &map, copy, now.masked, MASK));
	assert_true(kcore_holds(c.fd, &map, page, now.masked, MASK));
	assert_false(kcore_holds(c.fd, &map, page, old.masked, MASK));
	assert_false(kcore_holds(c.fd, &map, page, now.masked, MASK + 1));
	/* Where no segment is. */
	assert_false(kcore_holds(c.fd, &map, 8 * MIB, now.masked, MASK));
	close_core(&c, &map);
}

/* ---- what cannot be read ------------------------------------------------ */

static void a_page_that_cannot_be_read_is_counted_and_passed_over(void **state)
{
	static const int errors[] = { EIO, EFAULT };
	uint64_t at[4];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		struct core c = usual(at);
		struct kcore_secret s[] = { make_secret(0, PLACE),
					    make_secret(1, PLACE) };
		struct kcore_map map = read_map(&c);
		struct kcore_scan scan;

		plant(&c, &s[0], at[0] + 2 * PAGE_SIZE);
		plant(&c, &s[1], at[0] + 5 * PAGE_SIZE);
		inject.from = (off_t)(at[0] + PAGE_SIZE);
		inject.to = (off_t)(at[0] + 4 * PAGE_SIZE);
		inject.err = errors[i];
		scan = scan_for(&c, &map, s, 2);
		assert_true(scan.unreadable == 3 * PAGE_SIZE);
		assert_true(scan.scanned == map.size - 3 * PAGE_SIZE);
		for (int n = 0; n < 2; n++)
			assert_int_equal(s[n].found, s[n].id == 1);
		assert_false(kcore_holds(c.fd, &map,
					 MIB + 2 * PAGE_SIZE + PLACE,
					 s[0].masked, MASK));
		close_core(&c, &map);
	}
}

static void data_that_is_cut_off_counts_as_unreadable(void **state)
{
	uint64_t at[4];
	struct core c = usual(at);
	struct kcore_secret s = make_secret(1, PLACE);
	struct kcore_map map = read_map(&c);
	struct kcore_scan scan;

	(void)state;
	assert_int_equal(ftruncate(c.fd, (off_t)(at[1] + 10 * PAGE_SIZE + 1)),
			 0);
	scan = scan_for(&c, &map, &s, 1);
	assert_true(scan.scanned == 2 * MIB + 10 * PAGE_SIZE);
	assert_true(scan.scanned + scan.unreadable == map.size);
	close_core(&c, &map);
}

/* What a huge size in a small file must not become: a read for each page. */
static void a_segment_past_the_end_of_the_file_takes_no_time(void **state)
{
	struct core c = new_core();
	Elf64_Phdr p = { .p_type = PT_LOAD,
			 .p_offset = DATA,
			 .p_vaddr = BASE,
			 .p_filesz = UINT64_C(1) << 46 };
	struct kcore_secret s = make_secret(1, PLACE);
	struct kcore_map map;

	(void)state;
	put(&c, &p, sizeof(p), sizeof(Elf64_Ehdr));
	c.nr = 1;
	put_header(&c);
	map = read_map(&c);
	inject.reads = 0;
	assert_true(scan_for(&c, &map, &s, 1).unreadable == p.p_filesz);
	assert_true(inject.reads < 10);
	close_core(&c, &map);
}

static void short_and_interrupted_reads_are_gone_on_with(void **state)
{
	uint64_t at[4];
	struct core c = usual(at);
	struct kcore_map map = { 0 };

	(void)state;
	inject.most = 3;
	inject.interrupted = 5;
	assert_true(found_at(&c, PLACE, at[0] + PAGE_SIZE, MIB + PAGE_SIZE));
	close_core(&c, &map);
}

static bool stop_third(void *arg)
{
	return ++*(int *)arg == 3;
}

static void a_scan_stops_when_it_is_told_to(void **state)
{
	uint64_t at[4];
	struct core c = usual(at);
	struct kcore_secret s = make_secret(1, PLACE);
	struct kcore_map map = read_map(&c);
	int asked = 0;
	struct kcore_scan scan = { .mask = MASK,
				   .secrets = &s,
				   .nr = 1,
				   .stop = stop_third,
				   .arg = &asked };

	(void)state;
	assert_int_equal(kcore_scan(c.fd, &map, &scan, NULL), 0);
	assert_true(scan.stopped);
	assert_int_equal(asked, 3);
	assert_true(scan.scanned == 2 * MIB);
	close_core(&c, &map);
}

/* ---- the real one ------------------------------------------------------- */

static void clear_words(volatile uint64_t *to, const struct kcore_secret *s)
{
	for (int i = 0; i < SECRET_WORDS; i++) {
		to[i] = MASK;
		to[i] ^= s->masked[i];
	}
}

/* memfd_secret(2) takes its pages out of the direct map: the one thing that is
 * really absent on any kernel. */
static void
a_page_without_a_direct_map_is_absent_in_the_real_kcore(void **state)
{
	struct kcore_secret s[] = { make_secret(100, PLACE),
				    make_secret(101, PLACE) };
	struct core c = { .fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC) };
	int fd = (int)syscall(MEMFD_SECRET, O_CLOEXEC);
	struct kcore_map map;
	uint8_t *in, *out;

	(void)state;
	memset(&inject, 0, sizeof(inject));
	if (c.fd < 0 || fd < 0) {
		print_message("skipped: no %s here\n",
			      c.fd < 0 ? "/proc/kcore" : "memfd_secret(2)");
		skip();
	}
	assert_int_equal(ftruncate(fd, PAGE_SIZE), 0);
	out = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	in = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	assert_true(out != MAP_FAILED && in != MAP_FAILED);
	clear_words((uint64_t *)(in + PLACE), &s[0]);
	clear_words((uint64_t *)(out + PLACE), &s[1]);
	map = read_map(&c);
	scan_for(&c, &map, s, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(s[i].found, s[i].id == 100);
	munmap(in, PAGE_SIZE);
	munmap(out, PAGE_SIZE);
	close(fd);
	close_core(&c, &map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_direct_map_is_taken),
		cmocka_unit_test(thousands_of_segments_are_all_searched),
		cmocka_unit_test(what_is_no_x86_64_core_is_refused),
		cmocka_unit_test(a_file_that_ends_too_soon_is_an_error),
		cmocka_unit_test(a_core_without_a_direct_map_is_refused),
		cmocka_unit_test(segments_that_are_no_linear_map_are_refused),
		cmocka_unit_test(words_are_found_wherever_a_segment_has_them),
		cmocka_unit_test(words_outside_the_direct_map_are_not_found),
		cmocka_unit_test(
			a_page_that_reads_as_zeros_is_not_found_but_others_are),
		cmocka_unit_test(words_at_another_place_in_a_page_are_a_copy),
		cmocka_unit_test(one_wrong_word_is_no_match),
		cmocka_unit_test(many_secrets_are_told_apart),
		cmocka_unit_test(a_second_scan_begins_anew),
		cmocka_unit_test(a_copy_does_not_follow_when_the_words_change),
		cmocka_unit_test(
			a_page_that_cannot_be_read_is_counted_and_passed_over),
		cmocka_unit_test(data_that_is_cut_off_counts_as_unreadable),
		cmocka_unit_test(
			a_segment_past_the_end_of_the_file_takes_no_time),
		cmocka_unit_test(short_and_interrupted_reads_are_gone_on_with),
		cmocka_unit_test(a_scan_stops_when_it_is_told_to),
		cmocka_unit_test(
			a_page_without_a_direct_map_is_absent_in_the_real_kcore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
