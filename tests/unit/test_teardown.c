// SPDX-License-Identifier: GPL-2.0-only
/* The leak check, on a /proc of our own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "play/teardown.h"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make_dir(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void put_link(const char *name, const char *to)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	assert_int_equal(symlink(to, path), 0);
}

static void put_counters(long unevictable, long mlocked)
{
	char text[128];

	snprintf(text, sizeof(text),
		 "nr_free_pages 5\nnr_unevictable %ld\nnr_mlock %ld\nx 1\n",
		 unevictable, mlocked);
	put("vmstat", text);
}

static int start(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	snprintf(dir, sizeof(dir), "/tmp/gpcvm-unit-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	make_dir("self");
	make_dir("1");
	make_dir("1/fd");
	make_dir("12");
	make_dir("12/fd");
	put_link("12/fd/3", "/dev/kvm");
	put_link("12/fd/4", "socket:[7]");
	put("self/mounts", "rootfs / rootfs rw,size=400k 0 0\n"
			   "none /cred ramfs ro,nosuid 0 0\n");
	put_counters(340, 100);
	return 0;
}

static int finish(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd); /* NOLINT(cert-env33-c) */
}

static struct teardown_count count(void)
{
	struct teardown_count c;

	teardown_count(&c, dir);
	return c;
}

static void assert_unknown(const char *why)
{
	struct teardown_count c = count();

	assert_false(c.known);
	assert_non_null(strstr(c.why, why));
}

static void page_that_stays_is_counted_and_a_locked_one_is_not(void **state)
{
	struct teardown_count before = count(), after;

	(void)state;
	assert_true(before.known);
	assert_int_equal(before.pages, 240);
	after = count();
	assert_int_equal(teardown_pages(&before, &after), 0);
	put_counters(350, 110); /* another process locked ten */
	after = count();
	assert_int_equal(teardown_pages(&before, &after), 0);
	put_counters(351, 110);
	after = count();
	assert_int_equal(teardown_pages(&before, &after), 1);
	put_counters(300, 110); /* another process freed some */
	after = count();
	assert_int_equal(teardown_pages(&before, &after), 0);
}

static void put_host(long anon_lru, long mapped, long free_pages)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "nr_free_pages %ld\nnr_inactive_anon %ld\n"
		 "nr_active_anon 0\nnr_inactive_file 0\nnr_active_file 0\n"
		 "nr_unevictable 0\nnr_mlock 0\nnr_isolated_anon 0\n"
		 "nr_isolated_file 0\nnr_anon_pages %ld\nnr_shmem 0\n"
		 "nr_slab_reclaimable 0\nnr_slab_unreclaimable 0\n"
		 "nr_page_table_pages 0\n",
		 free_pages, anon_lru, mapped);
	put("vmstat", text);
	put("zoneinfo", "Node 0, zone DMA\n  managed  100000\n"
			"  pagesets\n    cpu: 0\n      count:    50\n");
	put("meminfo", "VmallocUsed:   40 kB\nPercpu:  8 kB\n");
}

static void put_flags(unsigned int unmapped)
{
	const uint64_t anon_lru = 1 << 12 | 1 << 5, mapped = 1 << 11;
	const uint64_t slab = 1 << 7;
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/kpageflags", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t flags = i < unmapped ? anon_lru
				 : i % 2      ? anon_lru | mapped
					      : anon_lru | slab;

		assert_int_equal(fwrite(&flags, sizeof(flags), 1, f), 1);
	}
	fclose(f);
}

static struct teardown_found found(const struct teardown_count *before)
{
	struct teardown_count after = count();
	struct teardown_found f;

	teardown_find(&f, before, &after, dir);
	return f;
}

static void page_that_nobody_maps_is_found(void **state)
{
	struct teardown_count before;

	(void)state;
	put_host(500, 480, 90000);
	put_flags(0);
	before = count();
	assert_true(before.known && before.host.has_unmapped);
	assert_int_equal(before.host.unmapped, 20);
	/* More by the counters, but in transit: no page has these flags. */
	put_host(700, 480, 89800);
	assert_int_equal(found(&before).unmapped, 0);
	put_flags(3);
	assert_int_equal(found(&before).unmapped, 3);
	put_flags(15000); /* most leaked before */
	assert_int_equal(found(&before).unmapped, 200);
	put_host(500, 480, 90000);
	assert_int_equal(found(&before).unmapped, 0);
}

static void page_that_is_in_no_counter_is_found(void **state)
{
	struct teardown_count before;

	(void)state;
	put_host(500, 500, 90000);
	before = count();
	assert_true(before.host.has_lost);
	assert_int_equal(before.host.lost, 100000 - 90000 - 500 - 50 - 12);
	put_host(500, 500, 90000 - TEARDOWN_LOST);
	assert_int_equal(found(&before).lost, 0);
	put_host(500, 500, 90000 - TEARDOWN_LOST - 1);
	assert_int_equal(found(&before).lost, TEARDOWN_LOST + 1);
	before.noise = 10;
	assert_int_equal(found(&before).lost, 0);
	assert_int_equal(teardown_found_pages(&(struct teardown_found){ 0 }),
			 0);
}

static void machine_of_somebody_else_makes_it_unknown(void **state)
{
	static const char *const links[] = {
		"anon_inode:kvm-vm",	    "anon_inode:kvm-vcpu:0",
		"anon_inode:[kvm-gmem]",    "anon_inode:[guest-memfd]",
		"/[guest_memfd] (deleted)",
	};
	struct teardown_count before = count(), after;

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		put_link("12/fd/4", links[i]);
		assert_unknown("process 12 also has a VM");
	}
	put_counters(999, 0);
	after = count();
	assert_int_equal(teardown_pages(&before, &after), 0);
	assert_int_equal(teardown_pages(&after, &before), 0);
}

static void empty_machine_of_init_does_not(void **state)
{
	(void)state;
	put_link("1/fd/4", "anon_inode:kvm-vm");
	assert_true(count().known);
	put_link("1/fd/4", "anon_inode:[kvm-gmem]");
	assert_unknown("process 1 also has a VM");
}

static void process_that_is_not_seen_makes_it_unknown(void **state)
{
	(void)state;
	make_dir("self/ns");
	put_link("self/ns/pid", "pid:[4026531836]");
	assert_true(count().known);
	put_link("self/ns/pid", "pid:[4026532836]");
	assert_unknown("a PID namespace?");
	put_link("self/ns/pid", "pid:[4026531836]");
	make_dir("13"); /* exits just now */
	assert_true(count().known);
	put("13/fd", "no folder");
	assert_unknown("open files of process 13 cannot be read");
}

static void ramfs_that_can_be_written_makes_it_unknown(void **state)
{
	(void)state;
	put("self/mounts", "none /a tmpfs rw 0 0\nnone /b ramfs rw 0 0\n");
	assert_unknown("ramfs at /b");
	put("self/mounts", "rootfs / rootfs rw 0 0\n");
	assert_unknown("ramfs at /");
	put("self/mounts",
	    "rootfs / rootfs rw,size=4k 0 0\nx /c ramfs ro 0 0\n");
	assert_true(count().known);
}

static void missing_counters_make_it_unknown(void **state)
{
	(void)state;
	put("vmstat", "nr_unevictable 5\n");
	assert_unknown("lacks the counters");
}

static void vm_that_kvm_keeps_is_found_by_its_process(void **state)
{
	char path[256];

	(void)state;
	assert_false(teardown_vm_left(dir, 120));
	make_dir("kvm");
	make_dir("kvm/120-11");
	assert_true(teardown_vm_left(dir, 120));
	assert_false(teardown_vm_left(dir, 12));
	assert_false(teardown_vm_left(dir, 1201));
	put("file", "");
	snprintf(path, sizeof(path), "%s/file", dir);
	assert_int_equal(teardown_vm_left(path, 120), -1);
}

/* On the real kernel: the pages of a locked shared memory segment are unevictable
 * and not mlocked, as those of a gmem file; those of mlock() are both. Each test
 * skips if another process has a VM. */
#define PAGES 1024

/* The noise of other processes with locked memory. */
static long doubt;

static long count_real(void (*fill)(void *p), int shm)
{
	struct teardown_count before, after;
	void *p = mmap(NULL, PAGES << 12, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (shm >= 0) {
		munmap(p, PAGES << 12);
		p = shmat(shm, NULL, 0);
	}
	assert_ptr_not_equal(p, MAP_FAILED);
	teardown_count_before(&before, "/proc");
	fill(p);
	teardown_settle();
	teardown_count(&after, "/proc");
	if (shm >= 0)
		shmdt(p);
	else
		munmap(p, PAGES << 12);
	if (!before.known || !after.known)
		return -1;
	doubt = before.locker[0] || after.locker[0] ? TEARDOWN_DOUBT : 0;
	return teardown_pages(&before, &after);
}

static void lock_and_fill(void *p)
{
	assert_int_equal(mlock(p, PAGES << 12), 0);
	memset(p, 1, PAGES << 12);
}

static void just_fill(void *p)
{
	memset(p, 1, PAGES << 12);
}

static void locked_memory_is_not_counted_on_this_kernel(void **state)
{
	long n = count_real(lock_and_fill, -1);

	(void)state;
	for (int i = 0; i < 20 && n > doubt; i++)
		n = count_real(lock_and_fill, -1);
	if (n < 0)
		skip();
	assert_in_range(n, 0, doubt);
}

static long count_segment(void)
{
	int shm = shmget(IPC_PRIVATE, PAGES << 12, IPC_CREAT | 0600);
	long n = -1;

	if (shm < 0)
		return -1;
	if (!shmctl(shm, SHM_LOCK, NULL))
		n = count_real(just_fill, shm);
	shmctl(shm, IPC_RMID, NULL);
	return n;
}

/* The count before may include a machine that has just ended. */
static void unevictable_pages_are_counted_on_this_kernel(void **state)
{
	long n = count_segment();

	(void)state;
	for (int i = 0; i < 20 && labs(n - PAGES) > doubt; i++)
		n = count_segment();
	if (n < 0)
		skip();
	assert_in_range(n, PAGES - doubt, PAGES + doubt);
}

static void few_pages_are_in_doubt_where_somebody_locks_memory(void **state)
{
	struct teardown_count c;
	char why[160];

	(void)state;
	put("12/status", "Name:\tx\nVmLck:\t       0 kB\nVmPin:\t 8 kB\n");
	c = count();
	assert_false(teardown_in_doubt(&c, 1, why, sizeof(why)));
	put("12/status", "Name:\tx\nVmLck:\t   41448 kB\n");
	c = count();
	assert_true(c.known);
	assert_true(teardown_in_doubt(&c, 1, why, sizeof(why)));
	assert_non_null(strstr(why, "process 12 has locked memory"));
	assert_true(teardown_in_doubt(&c, TEARDOWN_DOUBT, why, sizeof(why)));
	assert_false(
		teardown_in_doubt(&c, TEARDOWN_DOUBT + 1, why, sizeof(why)));
	assert_false(teardown_in_doubt(&c, 0, why, sizeof(why)));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(page_that_nobody_maps_is_found),
		TEST(page_that_is_in_no_counter_is_found),
		TEST(page_that_stays_is_counted_and_a_locked_one_is_not),
		TEST(machine_of_somebody_else_makes_it_unknown),
		TEST(empty_machine_of_init_does_not),
		TEST(process_that_is_not_seen_makes_it_unknown),
		TEST(ramfs_that_can_be_written_makes_it_unknown),
		TEST(missing_counters_make_it_unknown),
		TEST(few_pages_are_in_doubt_where_somebody_locks_memory),
		TEST(vm_that_kvm_keeps_is_found_by_its_process),
		TEST(locked_memory_is_not_counted_on_this_kernel),
		TEST(unevictable_pages_are_counted_on_this_kernel),
	};

	return cmocka_run_group_tests_name("teardown", tests, NULL, NULL);
}
