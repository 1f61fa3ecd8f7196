// SPDX-License-Identifier: GPL-2.0-only
/* Exceptions, which Linux delivers as signals. */
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include "linux.h"

/* Where an exception resumes; NULL: nowhere. */
static _Thread_local sigjmp_buf *fixup;

/* Report the registers in the format of the tiny guest's trap.c. */
static _Noreturn void report_exception(const gregset_t r)
{
	uint64_t w[DB_WORDS] = {
		(uint64_t)r[REG_TRAPNO],       (uint64_t)r[REG_ERR],
		(uint64_t)r[REG_RIP],	       (uint64_t)r[REG_CSGSFS] & 0xffff,
		(uint64_t)r[REG_EFL],	       (uint64_t)r[REG_RSP],
		(uint64_t)r[REG_CSGSFS] >> 48, (uint64_t)r[REG_CR2]
	};
	uint64_t low[DB_WORDS] = { (uint64_t)r[REG_RAX], (uint64_t)r[REG_RBX],
				   (uint64_t)r[REG_RCX], (uint64_t)r[REG_RDX],
				   (uint64_t)r[REG_RSI], (uint64_t)r[REG_RDI],
				   (uint64_t)r[REG_RBP], 0 };
	uint64_t high[DB_WORDS] = {
		(uint64_t)r[REG_R8],  (uint64_t)r[REG_R9],
		(uint64_t)r[REG_R10], (uint64_t)r[REG_R11],
		(uint64_t)r[REG_R12], (uint64_t)r[REG_R13],
		(uint64_t)r[REG_R14], (uint64_t)r[REG_R15]
	};

	db_call(DB_EXCEPTION, w);
	db_call(DB_EXC_REGS0, low);
	db_call(DB_EXC_REGS1, high);
	for (;;) /* the host has ended the machine */
		;
}

static void on_fault(int sig UNUSED, siginfo_t *info UNUSED, void *context)
{
	const ucontext_t *u = context;
	struct cpu *c = this_cpu;

	if (!fixup)
		report_exception(u->uc_mcontext.gregs);
	c->pc.w[1] = (uint64_t)u->uc_mcontext.gregs[REG_TRAPNO];
	c->pc.w[2] = (uint64_t)u->uc_mcontext.gregs[REG_ERR];
	c->pc.w[3] = (uint64_t)u->uc_mcontext.gregs[REG_RIP];
	c->pc.w[4] = (uint64_t)u->uc_mcontext.gregs[REG_CR2];
	siglongjmp(*fixup, 1);
}

int fault_init(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct sigaction a = { .sa_sigaction = on_fault,
			       .sa_flags = SA_SIGINFO };

	for (unsigned int i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (sigaction(signals[i], &a, NULL))
			return -1;
	return 0;
}

uint64_t guarded(struct percpu *pc, uint64_t *w,
		 uint64_t (*fn)(struct percpu *pc, uint64_t *w))
{
	sigjmp_buf here;
	uint64_t status;

	if (sigsetjmp(here, 1)) {
		fixup = NULL;
		return ST_FAULT;
	}
	fixup = &here;
	status = fn(pc, w);
	fixup = NULL;
	return status;
}
