// SPDX-License-Identifier: GPL-2.0-only
/* What is said of a page from what was seen: against a guest, a host and a
 * /proc/kcore that are made up here. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit.h"
#include "commands.h"
#include "devices/doorbell.h"
#include "leak.h"
#include "num.h"

#define KCORE	  123456 /* no file: pread() below answers for it */
#define DATA	  MIB	 /* where its data begins */
#define PAGES	  16	 /* of host memory, from physical address 0 */
#define GPA	  MIB	 /* of the guest's, of GUEST_PAGES */
#define CONTROL	  9	 /* the physical page of gpcvm's own */
#define PHYS(n)	  ((n) * (uint64_t)PAGE_SIZE)
#define LAST_LINE (PAGE_SIZE - 64)

enum { GUEST_PAGES = 3 };

static struct {
	uint8_t guest[GUEST_PAGES][PAGE_SIZE] __attribute__((aligned(4096)));

	/* What the direct map has at each physical page; NULL: zeros. */
	uint8_t *at[PAGES];
	int bad;     /* cannot be read; -1 */
	bool no_elf; /* nor is it a core */
	bool hide;   /* gpcvm's own page is not in the direct map */
	int frozen;  /* this physical page shows what it had once; -1 */
	uint8_t old[PAGE_SIZE];
	int hook_at; /* when this page is read ... */
	void (*hook)(void);
	unsigned int reads;

	uint64_t random;
	uint64_t status;	 /* of the next operations */
	unsigned int fail_after; /* then no operation works any more; 0 */
	bool leave;		 /* the client goes */

	struct machine m;
	struct request rq;
	struct pv_page pv[4];
} w;

/* ---- the host ----------------------------------------------------------- */

static void read_header(uint8_t *buf, size_t n, off_t at)
{
	struct {
		Elf64_Ehdr h;
		Elf64_Phdr p;
	} f = {
		.h = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				    ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		       .e_type = w.no_elf ? ET_EXEC : ET_CORE,
		       .e_machine = EM_X86_64,
		       .e_phoff = sizeof(f.h),
		       .e_phentsize = sizeof(f.p),
		       .e_phnum = 1 },
		.p = { .p_type = PT_LOAD,
		       .p_offset = DATA,
		       .p_vaddr = UINT64_C(0xffff888000000000),
		       .p_filesz = PHYS(PAGES) },
	};

	assert_true((size_t)at + n <= sizeof(f));
	memcpy(buf, (uint8_t *)&f + at, n);
}

/* Instead of libc's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	uint64_t page = ((uint64_t)at - DATA) / PAGE_SIZE;
	size_t in = (size_t)at % PAGE_SIZE;
	const uint8_t *from;

	if (fd != KCORE)
		return syscall(SYS_pread64, fd, buf, n, at);
	if (at < (off_t)DATA) {
		read_header(buf, n, at);
		return (ssize_t)n;
	}
	w.reads++;
	assert_true(page < PAGES && in + n <= PAGE_SIZE);
	if (w.hook && (int)page == w.hook_at)
		w.hook();
	if ((int)page == w.bad) {
		errno = EIO;
		return -1;
	}
	from = (int)page == w.frozen ? w.old : w.at[page];
	if (page == CONTROL && w.hide)
		from = NULL;
	if (from)
		memcpy(buf, from + in, n);
	else
		memset(buf, 0, n);
	return (ssize_t)n;
}

/* Instead of libc's: gpcvm's own page is the one that is populated. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	void *p = (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, at);

	if (flags & MAP_POPULATE)
		w.at[CONTROL] = p;
	return p;
}

bool request_given_up(const struct request *rq)
{
	(void)rq;
	return w.leave;
}

int request_ask_agent(struct request *rq, request_agent_fn fn, void *arg,
		      bool must)
{
	struct vcpu v = { 0 };

	if (w.leave && !must)
		return err_state(&rq->err, "the client has gone");
	return fn(arg, &v, &rq->err);
}

/* ---- the guest ---------------------------------------------------------- */

static uint64_t *word_at(uint64_t gpa)
{
	return (uint64_t *)((uint8_t *)w.guest + (gpa - GPA));
}

int agent_call(struct vcpu *v, struct agent_op *op, struct err *e)
{
	const uint64_t mask = op->in[2];
	uint64_t *p = word_at(op->in[1]);

	(void)v;
	if (w.fail_after && !--w.fail_after)
		return err_state(e, "the vCPU is lost");
	assert_int_equal(op->op, OP_SECRET);
	assert_true(op->in[1] >= GPA &&
		    op->in[1] + SECRET_BYTES <= GPA + sizeof(w.guest));
	op->out[0] = w.status;
	for (int i = 0; i < SECRET_WORDS && w.status == ST_OK; i++) {
		if (op->in[0] == SECRET_PLANT)
			p[i] = ++w.random * UINT64_C(0x9e3779b97f4a7c15);
		else if (op->in[0] == SECRET_WRITE)
			p[i] = op->in[3 + i] ^ mask;
		op->out[1 + i] = p[i] ^ mask;
	}
	return 0;
}

void agent_fault_text(const struct agent_op *op, char *buf, unsigned int len)
{
	(void)op;
	snprintf(buf, len, "#PF");
}

/* ---- a world ------------------------------------------------------------ */

static int set_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.bad = w.frozen = -1;
	w.rq.m = &w.m;
	w.m.pv.pages = w.pv;
	leak_open(&w.m.leak);
	if (w.m.leak.kcore >= 0)
		close(w.m.leak.kcore);
	w.m.leak.kcore = KCORE;
	pthread_rwlock_init(&w.m.memory.lock, NULL);
	attrs_init(&w.m.memory.attrs);
	attrs_set(&w.m.memory.attrs, GPA, GPA + sizeof(w.guest), true);
	w.m.memory.mode = MEM_GMEM_PRIVATE;
	w.m.memory.pagemap = -1;
	w.m.memory.nr_slots = 1;
	w.m.memory.slots[0] = (struct mem_slot){ .gpa = GPA,
						 .size = sizeof(w.guest),
						 .present = true };
	for (size_t i = 0; i < sizeof(w.guest); i++)
		((uint8_t *)w.guest)[i] = (uint8_t)(i * 7 + i / 256);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	w.m.leak.kcore = -1;
	leak_close(&w.m.leak);
	attrs_free(&w.m.memory.attrs);
	pthread_rwlock_destroy(&w.m.memory.lock);
	return 0;
}

static void guest_is_as_it_was(void)
{
	for (size_t i = 0; i < sizeof(w.guest); i++)
		assert_int_equal(((uint8_t *)w.guest)[i],
				 (uint8_t)(i * 7 + i / 256));
}

static struct leak_page measure(struct leak_result *res)
{
	struct leak_page p = { .gpa = GPA };

	assert_int_equal(leak_measure(&w.rq, &p, 1, res), 0);
	assert_true(p.state == LEAK_PRESENT || strlen(p.why) > 10);
	return p;
}

static void unknown_because(const char *why)
{
	struct leak_result res;
	struct leak_page p = measure(&res);

	assert_int_equal(p.state, LEAK_UNKNOWN);
	assert_non_null(strstr(p.why, why));
}

/* ---- present, absent ---------------------------------------------------- */

static void a_page_in_the_direct_map_is_present_where_it_is(void **state)
{
	struct leak_result res;
	struct leak_page p;

	(void)state;
	w.at[5] = w.guest[0];
	p = measure(&res);
	assert_int_equal(p.state, LEAK_PRESENT);
	assert_true(p.phys == PHYS(5));
	assert_true(p.used && p.restored);
	assert_int_equal(res.control, LEAK_PRESENT);
	assert_true(res.control_phys == PHYS(CONTROL));
	assert_int_equal(res.scans, 1);
	guest_is_as_it_was();
}

static void a_page_out_of_it_is_absent_and_gets_its_content_back(void **state)
{
	struct leak_result res;
	struct leak_page p = measure(&res);

	(void)state;
	assert_int_equal(p.state, LEAK_ABSENT);
	assert_true(p.used && p.restored);
	assert_int_equal(res.control, LEAK_PRESENT);
	assert_true(res.scanned == PHYS(PAGES));
	guest_is_as_it_was();
}

static void several_pages_take_one_scan(void **state)
{
	struct leak_page p[] = { { .gpa = GPA },
				 { .gpa = GPA + PAGE_SIZE },
				 { .gpa = GPA + 2 * PAGE_SIZE } };
	struct leak_result res;

	(void)state;
	w.at[12] = w.guest[0];
	w.at[2] = w.guest[2];
	assert_int_equal(leak_measure(&w.rq, p, 3, &res), 0);
	assert_true(p[0].state == LEAK_PRESENT && p[0].phys == PHYS(12));
	assert_int_equal(p[1].state, LEAK_ABSENT);
	assert_true(p[2].state == LEAK_PRESENT && p[2].phys == PHYS(2));
	assert_int_equal(res.scans, 1);
	guest_is_as_it_was();
}

static void nothing_in_gpcvm_holds_the_words_unmasked(void **state)
{
	struct leak_page p = { .gpa = GPA, .offset = LAST_LINE };
	struct leak_batch b = { &w.rq, &p, 1, 0x5555 };
	const uint64_t *clear = word_at(GPA + LAST_LINE);
	const uint64_t *own = (const uint64_t *)&p;

	(void)state;
	assert_int_equal(leak_plant(&b, &(struct vcpu){ 0 }, NULL), 0);
	for (size_t i = 0; i < sizeof(p) / 8; i++)
		for (int k = 0; k < SECRET_WORDS; k++)
			assert_true(own[i] != clear[k]);
}

static void the_pfn_is_located(void **state)
{
	uint64_t pfn = 0;

	(void)state;
	assert_int_equal(leak_locate(&w.rq, GPA + 0x123, &pfn), -1);
	assert_int_equal(w.rq.err.kind, ERR_STATE);
	assert_non_null(strstr(w.rq.err.msg, "not in the direct map"));
	w.at[5] = w.guest[0];
	assert_int_equal(leak_locate(&w.rq, GPA + 0x123, &pfn), 0);
	assert_true(pfn == 5);
}

/* ---- unknown ------------------------------------------------------------ */

static void without_the_control_page_nothing_is_known(void **state)
{
	struct leak_result res;

	(void)state;
	w.hide = true;
	unknown_because("gpcvm's own page");
	w.at[5] = w.guest[0];
	assert_int_equal(measure(&res).state, LEAK_UNKNOWN);
	assert_int_equal(res.control, LEAK_UNKNOWN);
	assert_int_equal(res.scans, 3);
	guest_is_as_it_was();
}

static void freeze(void)
{
	memcpy(w.old, w.at[CONTROL], PAGE_SIZE);
	w.frozen = CONTROL;
	w.hook = NULL;
}

static void again(void)
{
	freeze();
	w.hook = again;
}

static void a_control_page_that_does_not_change_is_none(void **state)
{
	(void)state;
	w.hook_at = 0;
	w.hook = again;
	unknown_because("does not change with it");
}

static void an_unreadable_page_makes_absent_unknown(void **state)
{
	struct leak_result res;

	(void)state;
	w.bad = 3;
	unknown_because("4096 bytes of the direct map could not be read");
	w.at[5] = w.guest[0];
	assert_int_equal(measure(&res).state, LEAK_PRESENT);
}

static void a_host_whose_memory_grew_makes_absent_unknown(void **state)
{
	struct leak_result res;

	(void)state;
	w.m.leak.ram -= MIB;
	unknown_because("changed its size");
	w.at[5] = w.guest[0];
	assert_int_equal(measure(&res).state, LEAK_PRESENT);
}

static void a_page_that_may_move_is_never_absent(void **state)
{
	(void)state;
	attrs_set(&w.m.memory.attrs, GPA, GPA + PAGE_SIZE, false);
	unknown_because("may have moved");
	w.m.memory.mode = MEM_ANON;
	unknown_because("may have moved");
}

static void punch(void)
{
	memset(w.guest[0], 0, PAGE_SIZE);
}

static void a_page_punched_meanwhile_is_unknown_and_stays_empty(void **state)
{
	(void)state;
	w.hook_at = PAGES - 1;
	w.hook = punch;
	unknown_because("did not stand");
	for (size_t i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(w.guest[0][i], 0);
}

static void punch_once(void)
{
	punch();
	w.hook = NULL;
}

static void
a_page_that_was_punched_does_not_get_its_old_content_back(void **state)
{
	struct leak_result res;

	(void)state;
	w.at[5] = w.guest[0];
	w.hook_at = 4;
	w.hook = punch_once;
	assert_int_equal(measure(&res).state, LEAK_PRESENT);
	assert_int_equal(res.scans, 2);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(w.guest[0][i], 0);
}

static void convert(void)
{
	attrs_set(&w.m.memory.attrs, GPA, GPA + PAGE_SIZE, false);
	memset(w.guest[0], 0, PAGE_SIZE);
}

static void a_page_converted_meanwhile_is_not_called_restored(void **state)
{
	struct leak_result res;
	struct leak_page p;

	(void)state;
	w.hook_at = PAGES - 1;
	w.hook = convert;
	p = measure(&res);
	assert_int_equal(p.state, LEAK_UNKNOWN);
	assert_true(p.used && !p.restored);
	assert_non_null(strstr(p.why, "converted to shared"));
	for (size_t i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(w.guest[0][i], 0);
}

static void write_word(void)
{
	*word_at(GPA + LAST_LINE + 16) = 42;
}

static void what_others_write_meanwhile_stays(void **state)
{
	(void)state;
	w.hook_at = PAGES - 1;
	w.hook = write_word;
	unknown_because("did not stand");
	assert_true(*word_at(GPA + LAST_LINE + 16) == 42);
	for (size_t i = 0; i < SECRET_BYTES; i++) {
		size_t at = LAST_LINE + i;

		if (i / 8 != 2)
			assert_int_equal(w.guest[0][at],
					 (uint8_t)(at * 7 + at / 256));
	}
}

static void move(void)
{
	/* The old page keeps what it had, the guest goes on at 7. */
	memcpy(w.old, w.guest[0], PAGE_SIZE);
	w.frozen = 1;
	w.at[7] = w.guest[0];
	w.hook = NULL;
}

static void a_page_that_moved_is_found_where_it_is_now(void **state)
{
	struct leak_result res;
	struct leak_page p;

	(void)state;
	w.at[1] = w.guest[0];
	w.hook_at = 1;
	w.hook = move;
	p = measure(&res);
	assert_int_equal(p.state, LEAK_PRESENT);
	assert_true(p.phys == PHYS(7));
	assert_int_equal(res.scans, 2);
	guest_is_as_it_was();
}

static void a_page_without_a_slot_is_unknown_and_not_touched(void **state)
{
	(void)state;
	w.m.memory.slots[0].present = false;
	unknown_because("no slot is there");
	guest_is_as_it_was();
}

static void a_fault_of_the_guest_is_told(void **state)
{
	(void)state;
	w.status = ST_FAULT;
	unknown_because("the guest took #PF");
	w.status = ST_BAD_OP;
	unknown_because("cannot map the page");
}

static void a_kcore_that_is_none_is_unknown_with_nothing_planted(void **state)
{
	struct leak_result res;
	struct leak_page p;

	(void)state;
	w.no_elf = true;
	p = measure(&res);
	assert_int_equal(p.state, LEAK_UNKNOWN);
	assert_int_equal(res.control, LEAK_UNKNOWN);
	assert_false(p.used);
	assert_int_equal(w.reads, 0);
}

/* ---- errors ------------------------------------------------------------- */

static void without_kcore_it_is_unsupported_with_what_to_do(void **state)
{
	struct leak_page p = { .gpa = GPA };
	struct leak_result res;

	(void)state;
	w.m.leak.kcore = -1;
	w.m.leak.kcore_errno = ENOENT;
	assert_int_equal(leak_measure(&w.rq, &p, 1, &res), -1);
	assert_int_equal(w.rq.err.kind, ERR_UNSUPPORTED);
	assert_non_null(strstr(w.rq.err.msg, "CONFIG_PROC_KCORE"));
	w.m.leak.kcore_errno = EPERM;
	assert_int_equal(leak_check(&w.m.leak, &w.rq.err), -1);
	assert_int_equal(w.rq.err.kind, ERR_UNSUPPORTED);
	assert_int_equal(w.rq.err.os_errno, EPERM);
	assert_non_null(strstr(w.rq.err.msg, "lockdown"));
	guest_is_as_it_was();
}

static void leave(void)
{
	w.leave = true;
}

static void a_client_that_goes_ends_it_and_the_guest_is_restored(void **state)
{
	struct leak_page p = { .gpa = GPA };
	struct leak_result res;

	(void)state;
	w.hook_at = 2;
	w.hook = leave;
	assert_int_equal(leak_measure(&w.rq, &p, 1, &res), -1);
	assert_int_equal(w.rq.err.kind, ERR_STATE);
	assert_true(p.used && p.restored);
	guest_is_as_it_was();
	assert_null(w.m.leak.first); /* the next has its turn */
}

static void a_vcpu_that_breaks_off_is_gone_on_from(void **state)
{
	struct leak_page p[] = { { .gpa = GPA, .offset = LAST_LINE },
				 { .gpa = GPA + PAGE_SIZE,
				   .offset = LAST_LINE } };
	struct leak_batch b = { &w.rq, p, 2, 0x5555 };
	struct vcpu v = { 0 };

	(void)state;
	for (unsigned int n = 1; n <= 4; n++) { /* operations that work */
		w.fail_after = n;
		assert_int_equal(leak_plant(&b, &v, NULL), -1);
		w.fail_after = 0;
		assert_int_equal(leak_plant(&b, &v, NULL), 0);
		assert_true(p[0].planted && p[1].planted);
		p[0].seen = p[1].seen = true;
		b.mask++;
		w.fail_after = n;
		assert_int_equal(leak_change(&b, &v, NULL), -1);
		w.fail_after = 0;
		assert_int_equal(leak_change(&b, &v, NULL), 0);
		assert_true(p[0].intact && p[1].intact);
		w.fail_after = n;
		assert_int_equal(leak_restore(&b, &v, NULL), -1);
		w.fail_after = 0;
		assert_int_equal(leak_restore(&b, &v, NULL), 0);
		guest_is_as_it_was();
		for (int i = 0; i < 2; i++)
			p[i] = (struct leak_page){ .gpa = p[i].gpa,
						   .offset = LAST_LINE };
	}
}

/* ---- the place in the page ---------------------------------------------- */

static const struct pv_kind small = { .size = 32 }, large = { .size = 4040 };

static void pv(unsigned int i, const struct pv_kind *k, uint64_t gpa)
{
	w.pv[i] = (struct pv_page){ .kind = k, .gpa = gpa, .on = true };
	w.m.pv.nr = i + 1;
}

static void words_keep_off_the_pv_pages(void **state)
{
	(void)state;
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE);
	pv(0, &small, GPA);
	pv(1, &small, GPA + PAGE_SIZE);
	pv(2, &small, GPA - 32);
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE);
	pv(1, &small, GPA + LAST_LINE + SECRET_BYTES); /* next to them */
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE);
	pv(1, &small, GPA + LAST_LINE + SECRET_BYTES - 4);
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE - 8);
	pv(1, &small, GPA + LAST_LINE);
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE - SECRET_BYTES);
	w.pv[1].on = false;
	assert_int_equal(leak_place(&w.m.pv, GPA), LAST_LINE);
}

static void one_that_crosses_into_the_page_counts(void **state)
{
	(void)state;
	pv(0, &large, GPA + 128);
	assert_int_equal(leak_place(&w.m.pv, GPA), 128 - SECRET_BYTES);
	pv(0, &large, GPA - 16);
	pv(1, &small, GPA + PAGE_SIZE - 32);
	assert_int_equal(leak_place(&w.m.pv, GPA),
			 PAGE_SIZE - 32 - SECRET_BYTES);
}

static void a_full_page_has_no_room_and_is_unknown(void **state)
{
	(void)state;
	pv(0, &large, GPA + 32);
	pv(1, &small, GPA + 16);
	assert_true(leak_place(&w.m.pv, GPA) == LEAK_NO_ROOM);
	unknown_because("no room");
	guest_is_as_it_was();
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_page_in_the_direct_map_is_present_where_it_is),
		TEST(a_page_out_of_it_is_absent_and_gets_its_content_back),
		TEST(several_pages_take_one_scan),
		TEST(nothing_in_gpcvm_holds_the_words_unmasked),
		TEST(the_pfn_is_located),
		TEST(without_the_control_page_nothing_is_known),
		TEST(a_control_page_that_does_not_change_is_none),
		TEST(an_unreadable_page_makes_absent_unknown),
		TEST(a_host_whose_memory_grew_makes_absent_unknown),
		TEST(a_page_that_may_move_is_never_absent),
		TEST(a_page_punched_meanwhile_is_unknown_and_stays_empty),
		TEST(a_page_that_was_punched_does_not_get_its_old_content_back),
		TEST(a_page_converted_meanwhile_is_not_called_restored),
		TEST(what_others_write_meanwhile_stays),
		TEST(a_page_that_moved_is_found_where_it_is_now),
		TEST(a_page_without_a_slot_is_unknown_and_not_touched),
		TEST(a_fault_of_the_guest_is_told),
		TEST(a_kcore_that_is_none_is_unknown_with_nothing_planted),
		TEST(without_kcore_it_is_unsupported_with_what_to_do),
		TEST(a_client_that_goes_ends_it_and_the_guest_is_restored),
		TEST(a_vcpu_that_breaks_off_is_gone_on_from),
		TEST(words_keep_off_the_pv_pages),
		TEST(one_that_crosses_into_the_page_counts),
		TEST(a_full_page_has_no_room_and_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
