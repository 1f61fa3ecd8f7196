// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the start of kvm-unit-tests (lib/x86) asks of a machine, in its order: the
 * local APIC reset by its MSR, the PICs masked, the performance counters zeroed,
 * one module as the environment, the number of CPUs from fw_cfg, INIT and SIPI
 * without a pause, x2APIC, a function on every CPU by an interrupt, the status by
 * debug-exit.
 */
#include "../image.h"

#define APIC	       0xfee00000
#define APIC_SPIV      0xf0
#define APIC_ID	       0x20
#define APIC_ICR       0x300

#define MSR_APIC_BASE  0x1b
#define BASE_ENABLED   (1U << 11)
#define BASE_X2APIC    (1U << 10)
#define MSR_X2APIC_ID  0x802
#define MSR_X2APIC_EOI 0x80b
#define MSR_X2APIC_ICR 0x830
#define HAVE_X2APIC    (1U << 21)

#define FW_CFG	       0x510
#define FW_CPUS	       5
#define COM1	       0x3f8
#define DEBUG_EXIT     0xf4
#define VEC_PROTECTION 13
#define VEC_IPI	       0x20
#define TABLES	       0x1000000 /* six pages, behind all of the image */
#define MAX_CPUS       64
#define SPINS	       500000 /* each is an exit */

struct gate {
	uint16_t low, sel, type, mid;
	uint32_t high, zero;
};

void long_main(uint32_t at);
void long_ap(void);
void on_ipi(void);
void on_exception(void);

extern struct gate idt[256];
extern char trampoline[], trampoline_end[], ipi_entry[], exception[];
extern char protection[];
extern volatile uint32_t protections; /* that WRMSR ended in */
extern char image_end[];

static volatile uint32_t online, answers;
static volatile uint64_t ids; /* of the local APICs that are there */
static volatile uint32_t wrong;

static volatile uint32_t *apic(uint32_t reg)
{
	return (volatile uint32_t *)(uintptr_t)(APIC + reg);
}

static const char *text(uint32_t at)
{
	return (const char *)(uintptr_t)at;
}

static void set_gate(unsigned int i, const char *to)
{
	const uintptr_t at = (uintptr_t)to;

	idt[i] = (struct gate){ .low = (uint16_t)at,
				.sel = 8,
				.type = 0x8e00,
				.mid = (uint16_t)(at >> 16) };
}

static void reset_apic(void)
{
	const uint64_t base = rdmsr(MSR_APIC_BASE) & ~UINT64_C(0xc00);

	wrmsr(MSR_APIC_BASE, base);
	wrmsr(MSR_APIC_BASE, base | BASE_ENABLED);
	*apic(APIC_SPIV) = 0x1ff;
	__atomic_fetch_or(&ids, UINT64_C(1) << (*apic(APIC_ID) >> 24),
			  __ATOMIC_SEQ_CST);
}

static void enable_x2apic(void)
{
	if (features() & HAVE_X2APIC)
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_X2APIC);
	else
		wrong++;
}

/* The per-CPU area has the CPU's number from here on. */
static void set_number(uint32_t n)
{
	__asm__ volatile("movl %0, %%gs:0" : : "r"(n) : "memory");
}

static uint32_t number(void)
{
	uint32_t n;

	__asm__ volatile("movl %%gs:0, %0" : "=r"(n));
	return n;
}

void long_ap(void)
{
	reset_apic();
	enable_x2apic();
	set_number((uint32_t)rdmsr(MSR_X2APIC_ID));
	__atomic_fetch_add(&online, 1, __ATOMIC_SEQ_CST);
}

void on_ipi(void)
{
	if (number() != (uint32_t)rdmsr(MSR_X2APIC_ID) ||
	    number() != cpuid_apic())
		wrong++;
	__atomic_fetch_add(&answers, 1, __ATOMIC_SEQ_CST);
	wrmsr(MSR_X2APIC_EOI, 0);
}

void on_exception(void)
{
	print("not ok: an exception\n");
	out32(DEBUG_EXIT, 100);
}

static void init_serial(void)
{
	const uint8_t lcr = in8(COM1 + 3);

	out8(COM1 + 3, lcr | 0x80);
	out8(COM1, 1); /* 115200 */
	out8(COM1 + 1, 0);
	out8(COM1 + 3, lcr & 0x7f);
	out8(COM1 + 1, 0);
	out8(COM1 + 3, 3);
	out8(COM1 + 2, 0);
	out8(COM1 + 4, 3);
}

static bool becomes(const volatile uint32_t *at, uint32_t want)
{
	for (unsigned int i = 0; i < SPINS && *at != want; i++)
		in8(0x64);
	return *at == want;
}

/* To gpa 0: not in C, which has nothing there. */
static void copy_trampoline(void)
{
	const char *from = trampoline;
	uintptr_t to = 0, n = (uintptr_t)(trampoline_end - trampoline);

	__asm__ volatile("rep movsb"
			 : "+S"(from), "+D"(to), "+c"(n)
			 :
			 : "memory");
}

static uint32_t fw_cfg(uint16_t key)
{
	uint32_t low;

	out16(FW_CFG, key);
	low = in8(FW_CFG + 1);
	return low | (uint32_t)in8(FW_CFG + 1) << 8;
}

static void check_cpus(void)
{
	const uint32_t cpus = fw_cfg(FW_CPUS);
	uint32_t sent = 0;

	copy_trampoline();
	*apic(APIC_ICR) = 0xc4500;
	*apic(APIC_ICR) = 0xc4600;
	check("CPUs are online", becomes(&online, cpus - 1), online);
	enable_x2apic();
	set_number(0);
	for (uint32_t id = 1; id < MAX_CPUS; id++) {
		if (!(ids >> id & 1))
			continue;
		wrmsr(MSR_X2APIC_ICR, (uint64_t)id << 32 | 0x4000 | VEC_IPI);
		becomes(&answers, ++sent);
	}
	check("every CPU takes an interrupt", answers == cpus - 1, answers);
	check("every CPU knows its number", !wrong, wrong);
	print("CPUs ");
	print_hex(cpus);
	print("\n");
}

/* Linux (arch/x86/events/core.c, check_hw_exists) takes a counter for one that is
 * there if what it writes is read back, and for absent if the write is a #GP. */
static void check_counters(void)
{
	const uint64_t value = 0xabcd;

	check("performance counters take a zero", !zero_counters(), 0);
	if (!is_amd())
		return;
	set_gate(VEC_PROTECTION, protection);
	wrmsr(MSR_K7_PERFCTR0, value);
	set_gate(VEC_PROTECTION, exception);
	check("performance counters count or are absent",
	      protections == 1 ? !rdmsr(MSR_K7_PERFCTR0)
			       : rdmsr(MSR_K7_PERFCTR0) == value,
	      protections);
	zero_counters();
}

/*
 * kvm-unit-tests make their page tables when they run (lib/x86/vm.c, setup_vm): 4 GiB
 * again, each address to itself, in pages that are in no file. What then makes KVM
 * walk them is an instruction that it has to look at.
 */
static void check_tables(void)
{
	uint64_t(*table)[512] = (void *)(uintptr_t)TABLES;
	const uint64_t cr3 = TABLES;

	for (uint64_t i = 0; i < 512; i++)
		table[0][i] = table[1][i] = 0;
	table[0][0] = (uintptr_t)table[1] | 7;
	for (uint64_t i = 0; i < 4; i++)
		table[1][i] = (uintptr_t)table[2 + i] | 7;
	for (uint64_t i = 0; i < UINT64_C(4) * 512; i++)
		table[2 + i / 512][i % 512] = i << 21 | 0x87;
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	check("page tables of its own", features(), features());
}

static void check_info(const struct info *info)
{
	const struct module *m = (const void *)text(info->mods_addr);

	/* All from its end on is what the tests allocate from. */
	check("memory behind the image",
	      (uint64_t)info->mem_upper * 1024 > (uintptr_t)image_end,
	      info->mem_upper);
	print("command line ");
	print(text(info->cmdline));
	print("\n");
	if (info->mods_count != 1)
		return;
	print("environment ");
	for (uint32_t at = m->start; at < m->end; at++) {
		const char c[2] = { *text(at), 0 };

		print(c);
	}
	print("\n");
}

void long_main(uint32_t at)
{
	const struct info *info = (const void *)text(at);

	init_serial();
	for (unsigned int i = 0; i < 256; i++)
		set_gate(i, i == VEC_IPI ? ipi_entry : exception);
	reset_apic();
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	print("multiboot image, long mode\n");
	check_counters();
	check_info(info);
	if (has_word(text(info->cmdline), "tables"))
		check_tables();
	check_cpus();
	print(failures ? "FAIL\n" : "PASS\n");
	out32(DEBUG_EXIT, failures);
}
