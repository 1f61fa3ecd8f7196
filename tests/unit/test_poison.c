// SPDX-License-Identifier: GPL-2.0-only
/* What of a page is done before the kernel is asked to give it up. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"
#include "base/num.h"
#include "host/poison.h"
#include "memory/memory.h"

static uint8_t first_byte; /* when it was asked */
static bool refuse;

/* In place of vmm/host/poison.c's: what it gives up is mapped no more. */
int poison_mapped(struct poisoner *p, uintptr_t hva, struct poisoned *out,
		  struct err *e)
{
	(void)p;
	first_byte = *(uint8_t *)hva;
	*out = (struct poisoned){ .by = "test" };
	if (refuse)
		return err_state(e, "refused");
	return munmap((void *)hva, PAGE_SIZE);
}

static int poisoned(uint8_t content, struct memory *m)
{
	struct poisoned out;
	struct err e;
	int r;

	memset(m, 0, sizeof(*m));
	m->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	m->mode = MEM_ANON;
	m->nr_slots = 1;
	m->slots[0] = (struct mem_slot){ .size = PAGE_SIZE,
					 .file = MEM_NO_FILE,
					 .present = true };
	m->slots[0].hva = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(m->slots[0].hva != MAP_FAILED);
	m->slots[0].hva[0] = content;
	attrs_init(&m->attrs);
	pthread_rwlock_init(&m->lock, NULL);
	r = memory_poison(m, 0, NULL, &out, &e);
	attrs_free(&m->attrs);
	return r;
}

/* One of zeros, the kernel may put the page of all zeros in its place. */
static void page_of_zeros_is_touched_before_it_is_poisoned(void **state)
{
	struct memory m;

	(void)state;
	refuse = false;
	assert_int_equal(poisoned(0, &m), 0);
	assert_int_not_equal(first_byte, 0);
	assert_int_equal(poisoned(7, &m), 0);
	assert_int_equal(first_byte, 7);
}

static void page_that_is_not_poisoned_is_as_it_was(void **state)
{
	struct memory m;

	(void)state;
	if (geteuid())
		skip(); /* the pfn of a page that is mapped reads as 0 */
	refuse = true;
	assert_int_equal(poisoned(0, &m), -1);
	assert_int_not_equal(first_byte, 0);
	assert_int_equal(m.slots[0].hva[0], 0);
	munmap(m.slots[0].hva, PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			page_of_zeros_is_touched_before_it_is_poisoned),
		cmocka_unit_test(page_that_is_not_poisoned_is_as_it_was),
	};

	return cmocka_run_group_tests_name("poison", tests, NULL, NULL);
}
