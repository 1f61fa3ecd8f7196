/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest, a host and a /proc/kcore that are made up, for leak to measure. It
 * stands in for libc, request.c and the doorbell. For one program each. */
#ifndef GPCVM_FAKE_WORLD_H
#define GPCVM_FAKE_WORLD_H

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit.h"
#include "base/num.h"
#include "control/session.h"
#include "leak/leak.h"
#include "vcpu/agent.h"

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
	struct session session;
	struct leak leak;
	struct request rq;
	struct pv_page pv[4];
} w;

/* ---- the host ----------------------------------------------------------- */

static inline void read_header(uint8_t *buf, size_t n, off_t at)
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

bool request_cancelled(const struct request *rq)
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

static inline uint64_t *word_at(uint64_t gpa)
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

static inline int set_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.bad = w.frozen = -1;
	w.rq.m = &w.m;
	w.rq.s = &w.session;
	w.session = (struct session){ .m = &w.m, .leak = &w.leak };
	w.m.pv.pages = w.pv;
	leak_open(&w.leak);
	if (w.leak.kcore >= 0)
		close(w.leak.kcore);
	w.leak.kcore = KCORE;
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

static inline int tear_down(void **state)
{
	(void)state;
	w.leak.kcore = -1;
	leak_close(&w.leak);
	attrs_free(&w.m.memory.attrs);
	pthread_rwlock_destroy(&w.m.memory.lock);
	return 0;
}

static inline void guest_is_as_it_was(void)
{
	for (size_t i = 0; i < sizeof(w.guest); i++)
		assert_int_equal(((uint8_t *)w.guest)[i],
				 (uint8_t)(i * 7 + i / 256));
}

static inline struct leak_page measure(struct leak_result *res)
{
	struct leak_page p = { .gpa = GPA };

	assert_int_equal(leak_measure(&w.rq, &p, 1, res), 0);
	assert_true(p.state == LEAK_PRESENT || strlen(p.why) > 10);
	return p;
}

static inline void unknown_because(const char *why)
{
	struct leak_result res;
	struct leak_page p = measure(&res);

	assert_int_equal(p.state, LEAK_UNKNOWN);
	assert_non_null(strstr(p.why, why));
}

#endif
