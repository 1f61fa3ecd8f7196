// SPDX-License-Identifier: GPL-2.0-only
/* Operations on the vCPU: MSRs, hypercalls, HLT. */
#include "pv.h"

uint64_t op_rdmsr(struct percpu *pc UNUSED, uint64_t *w)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"((uint32_t)w[0]));
	w[1] = (uint64_t)hi << 32 | lo;
	return ST_OK;
}

uint64_t op_wrmsr(struct percpu *pc, uint64_t *w)
{
	uint64_t *watch = pv_watched(pc, (uint32_t)w[0]);
	uint64_t v = w[1];

	asm volatile("wrmsr" ::"a"((uint32_t)v), "d"((uint32_t)(v >> 32)),
		     "c"((uint32_t)w[0])
		     : "memory");
	if (watch)
		*watch = v;
	return ST_OK;
}

/* VMCALL is Intel's instruction, VMMCALL that of AMD and Hygon. The other one
 * works only if KVM may patch the guest's text. */
static bool uses_vmmcall(struct percpu *pc)
{
	uint32_t a = 0, b, c = 0, d;

	if (!pc->has_vendor) {
		asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
		pc->amd = b == 0x68747541 || /* "Auth"enticAMD */
			  b == 0x6f677948;   /* "Hygo"nGenuine */
		pc->has_vendor = true;
	}
	return pc->amd;
}

uint64_t op_hypercall(struct percpu *pc, uint64_t *w)
{
	uint64_t ret = w[0];

	if (uses_vmmcall(pc))
		asm volatile("vmmcall"
			     : "+a"(ret)
			     : "b"(w[1]), "c"(w[2]), "d"(w[3]), "S"(w[4])
			     : "memory");
	else
		asm volatile("vmcall"
			     : "+a"(ret)
			     : "b"(w[1]), "c"(w[2]), "d"(w[3]), "S"(w[4])
			     : "memory");
	w[1] = ret;
	return ST_OK;
}

uint64_t op_halt(struct percpu *pc UNUSED, uint64_t *w UNUSED)
{
	asm volatile("hlt" ::: "memory");
	return ST_OK;
}

/* The tiny guest keeps no time of its own. */
uint64_t op_time(struct percpu *pc UNUSED, uint64_t *w UNUSED)
{
	return ST_BAD_OP;
}
