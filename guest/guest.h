/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Internals of the tiny guest. Data of one vCPU is in its area (struct percpu,
 * the exception stack, the main stack); shared data is in struct machine, which
 * vCPU 0 fills from the device tree. Save instructions: some KVMs emulate every
 * one of them.
 */
#ifndef GPCVM_GUEST_H
#define GPCVM_GUEST_H

#include "doorbell.h"

/* Offsets in the vCPU's area, for entry.S and trap.S; FS base points to it. */
#define PC_CANARY     0x28 /* gcc's stack protector reads %fs:0x28 */
#define PC_FIXUP      0x30
#define PC_FIXUP_SP   0x38
#define PC_GDT	      0x40
#define PC_GDTR	      0x6e
#define PC_TSS	      0x80
#define PC_TSS_IST1   (PC_TSS + 0x24)

#define PERCPU_ROOM   0x400 /* holds struct percpu */
#define EXC_STACK_TOP 0xc00 /* the 2 KiB below are the exception stack */

/* Selectors. */
#define SEL_CODE      0x08
#define SEL_DATA      0x10
#define SEL_TSS	      0x18
#define GDT_LIMIT     39
#define NR_VECTORS    32
#define STUB_SIZE     16 /* bytes between the entries of two vectors */

#define PV_MSRS	      4	 /* pages that a vCPU sets up at its start */
#define CANARY_SLOTS  32 /* pages that a vCPU remembers, replacing the oldest */

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The frame that trap.S pushes, lowest address first. */
struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct percpu;

struct pv_msr { /* how to set up one pv page */
	uint32_t index;
	uint64_t value;
};

struct guest { /* a built-in guest; runs after DB_READY */
	const char *name;
	void (*run)(struct percpu *pc);
};

struct machine {
	uint32_t lock; /* of the page tables and the pool */
	uint32_t nr_cpus;
	uint64_t pool, pool_end; /* pages left for page tables */
	uint64_t areas, areas_end;
	uint64_t ram, ram_private; /* bytes */
	const char *model;
	const char *guest; /* its name, not terminated; NULL: the first guest */
	uint32_t guest_len;
	void (*run)(struct percpu *pc);
	bool has_serial;
};

struct percpu {
	struct machine *m;
	uint32_t index;
	bool trapping; /* in the exception handler */
	bool amd;      /* valid with has_vendor: VMMCALL, not VMCALL */
	bool has_vendor;
	uint8_t canary_next;
	/* Last values written to these MSRs: gpa | 1; bit 0 clear: off. */
	uint64_t clock, steal;
	uint64_t pad;
	uint64_t stack_canary;
	uint64_t fixup, fixup_sp; /* where an exception resumes; 0: nowhere */
	uint64_t gdt[5];
	uint8_t gdtr_pad[6];
	uint16_t gdtr_limit;
	uint64_t gdtr_base;
	uint64_t pad2;
	uint32_t tss[26];
	uint32_t seq; /* of the current operation, in its place in eax */
	uint64_t w[DB_WORDS];
	uint64_t secret_masked, secret_mask;
	uint64_t planted[CANARY_SLOTS]; /* gpa | 1 */
	uint32_t nr_msrs;
	struct pv_msr msrs[PV_MSRS]; /* from the device tree, in any order */
	uint64_t random;	     /* state of ops_secret.c */
};

#define OFFSET_IS(member, offset)                                              \
	_Static_assert(offsetof(struct percpu, member) == (offset),            \
		       "entry.S and trap.S know the offset of " #member)
OFFSET_IS(stack_canary, PC_CANARY);
OFFSET_IS(fixup, PC_FIXUP);
OFFSET_IS(fixup_sp, PC_FIXUP_SP);
OFFSET_IS(gdt, PC_GDT);
OFFSET_IS(gdtr_limit, PC_GDTR);
OFFSET_IS(gdtr_base, PC_GDTR + 2);
OFFSET_IS(tss, PC_TSS);
_Static_assert(sizeof(struct percpu) <= PERCPU_ROOM, "PERCPU_ROOM");
_Static_assert(EXC_STACK_TOP - PERCPU_ROOM >= 1536, "exception stack");
_Static_assert(sizeof(struct frame) % 16 == 0, "stack alignment in trap.S");
_Static_assert(EXC_STACK_TOP % 16 == 0, "the CPU aligns it anyway");

#define UNUSED __attribute__((unused))

/* Guest memory with any content. */
typedef uint64_t __attribute__((may_alias)) word64;
typedef uint32_t __attribute__((may_alias)) word32;
typedef uint16_t __attribute__((may_alias)) word16;

/* entry.S, doorbell.S, trap.S */
void entry(void); /* 32-bit; every vCPU starts here */
/* Ring with @call in eax and the words @w, which the answer overwrites; returns
 * rax. */
uint64_t db_call(uint32_t call, uint64_t *w);
/* Run @fn with @w, which is pc->w. An exception ends it with ST_FAULT and the
 * words described in doorbell.h. */
uint64_t guarded(struct percpu *pc, uint64_t *w,
		 uint64_t (*fn)(struct percpu *pc, uint64_t *w));

/* main.c */
void guest_main(uint64_t index, struct percpu *pc, const void *fdt);
_Noreturn void halt(void);

/* trap.c */
void trap(struct frame *f);

/* panic.c: build a text, and end the guest with it */
struct text {
	char s[DB_WORDS * 8];
	uint32_t len;
};
void text_str(struct text *t, const char *s);
void text_num(struct text *t, uint64_t v, unsigned int base);
_Noreturn void panic(struct text *t);
/* Panic with @text, a blank, and @v in hexadecimal. */
_Noreturn void panic_with(const char *text, uint64_t v);

/* fdt.c */
void fdt_read(struct machine *m, const void *fdt);
struct percpu *percpu_of(const struct machine *m, uint32_t index);

/* paging.c: make [gpa, gpa + len) accessible at its own address */
bool map_range(struct machine *m, uint64_t gpa, uint64_t len);

/* agent.c */
typedef uint64_t op_fn(struct percpu *pc, uint64_t *w);
/* Send the last result with @call, DB_NEXT or DB_POLL. Returns the next
 * OP_*. */
uint32_t agent_ask(struct percpu *pc, uint32_t call);
void agent_serve(struct percpu *pc, uint32_t op);
void agent_run(struct percpu *pc);

/* The operations: ops_*.c */
op_fn op_nop, op_read, op_write, op_fill, op_hash, op_touch;
op_fn op_rdmsr, op_wrmsr, op_hypercall, op_halt;
op_fn op_canary, op_clock, op_steal, op_secret;
op_fn op_evtchn, op_upcall, op_runstate, op_time, op_spin;

/* The other guests. */
void hello_run(struct percpu *pc);
void clockwatch_run(struct percpu *pc);

/* string.c implements what the compiler and libfdt need of <string.h>, and
 * this */
_Noreturn void __stack_chk_fail(void);

static inline void outb(uint16_t port, uint8_t v)
{
	asm volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

/* LFENCE orders RDTSC after earlier loads (Linux: lfence_rdtsc). */
static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

/* https://prng.di.unimi.it/splitmix64.c: one word of the sequence, by index */
static inline uint64_t splitmix64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static inline void barrier(void)
{
	asm volatile("" ::: "memory");
}

#endif
#endif
