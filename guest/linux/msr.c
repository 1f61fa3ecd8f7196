// SPDX-License-Identifier: GPL-2.0-only
/* Operations on the CPU, as far as Linux permits them to a program. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "linux.h"

#define VECTOR_GP 13

void msr_open(struct cpu *c)
{
	char path[40];

	snprintf(path, sizeof(path), "/dev/cpu/%d/msr", c->number);
	c->msr = open(path, O_RDWR | O_CLOEXEC);
	/* Some kernels only allow reading (msr.allow_writes, lockdown). */
	if (c->msr < 0)
		c->msr = open(path, O_RDONLY | O_CLOEXEC);
}

int msr_read(uint32_t index, uint64_t *value)
{
	return pread(this_cpu->msr, value, 8, (off_t)index) == 8 ? 0 : -1;
}

/* arch/x86/kernel/msr.c: EIO means that the instruction raised #GP. */
static uint64_t msr_status(ssize_t n, uint64_t *w)
{
	if (n == 8)
		return ST_OK;
	if (errno != EIO)
		return ST_BAD_OP;
	for (int i = 1; i <= 4; i++)
		w[i] = 0;
	w[1] = VECTOR_GP;
	return ST_FAULT;
}

uint64_t op_rdmsr(struct percpu *pc UNUSED, uint64_t *w)
{
	return msr_status(pread(this_cpu->msr, &w[1], 8, (off_t)(uint32_t)w[0]),
			  w);
}

uint64_t op_wrmsr(struct percpu *pc, uint64_t *w)
{
	uint64_t *watch = pv_watched(pc, (uint32_t)w[0]), v = w[1];
	uint64_t s = msr_status(
		pwrite(this_cpu->msr, &v, 8, (off_t)(uint32_t)w[0]), w);

	if (s == ST_OK && watch)
		*watch = v;
	return s;
}

/* KVM accepts no hypercall from user mode (arch/x86/kvm/x86.c,
 * kvm_emulate_hypercall: CPL), and user mode cannot execute HLT. */
uint64_t op_hypercall(struct percpu *pc UNUSED, uint64_t *w UNUSED)
{
	return ST_BAD_OP;
}

uint64_t op_halt(struct percpu *pc UNUSED, uint64_t *w UNUSED)
{
	return ST_BAD_OP;
}
