// SPDX-License-Identifier: GPL-2.0-only
/* Words that are looked for in the direct map. */
#include "tests/unit/fake_core.h"

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
