// SPDX-License-Identifier: GPL-2.0-only
/* Handles an exception: resume at the fixup, or report it to the host. */
#include "guest.h"

#define RFLAGS_DF 0x400ULL

static uint64_t read_cr2(void)
{
	uint64_t v;

	asm volatile("mov %%cr2, %0" : "=r"(v));
	return v;
}

static uint64_t read_cr3(void)
{
	uint64_t v;

	asm volatile("mov %%cr3, %0" : "=r"(v));
	return v;
}

static _Noreturn void report_exception(const struct frame *f)
{
	uint64_t w[DB_WORDS] = { f->vector, f->error, f->rip, f->cs,
				 f->rflags, f->rsp,   f->ss,  read_cr2() };
	uint64_t regs0[DB_WORDS] = { f->rax, f->rbx, f->rcx, f->rdx,
				     f->rsi, f->rdi, f->rbp, read_cr3() };
	uint64_t regs1[DB_WORDS] = { f->r8,  f->r9,  f->r10, f->r11,
				     f->r12, f->r13, f->r14, f->r15 };

	db_call(DB_EXCEPTION, w);
	db_call(DB_EXC_REGS0, regs0);
	db_call(DB_EXC_REGS1, regs1);
	halt();
}

void trap(struct frame *f)
{
	/* All vectors use the top of this vCPU's exception stack, so the frame
	 * is always at the same offset in its area. */
	struct percpu *pc = (struct percpu *)((char *)(f + 1) - EXC_STACK_TOP);

	if (pc->trapping)
		panic_with("exception in the exception handler, rip", f->rip);
	pc->trapping = true;
	if (!pc->fixup)
		report_exception(f);
	pc->w[1] = f->vector;
	pc->w[2] = f->error;
	pc->w[3] = f->rip;
	pc->w[4] = read_cr2();
	f->rip = pc->fixup;
	f->rsp = pc->fixup_sp;
	f->rflags &= ~RFLAGS_DF;
	f->rax = ST_FAULT;
	pc->fixup = 0;
	pc->trapping = false;
}
