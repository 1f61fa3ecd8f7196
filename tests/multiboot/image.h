/* SPDX-License-Identifier: GPL-2.0-only */
/* The Multiboot image of the tests: what its files share. */
#ifndef GPCVM_TESTS_MULTIBOOT_IMAGE_H
#define GPCVM_TESTS_MULTIBOOT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
	uint32_t mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives[2], config, name;
};

struct module {
	uint32_t start, end, string, reserved;
};

struct range {
	uint32_t size;
	uint64_t gpa, len;
	uint32_t type;
} __attribute__((packed));

static inline void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "d"(port));
}

static inline void out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "d"(port));
}

static inline void out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "d"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "d"(port));
	return v;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "d"(port));
	return v;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "d"(port));
	return v;
}

static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return low | (uint64_t)high << 32;
}

/* Of CPUID's leaf 1: ECX, and the number of the local APIC. */
static inline uint32_t features(void)
{
	uint32_t a = 1, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return c;
}

static inline uint32_t cpuid_apic(void)
{
	uint32_t a = 1, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return b >> 24;
}

/* Is this CPU one of AMD's, by CPUID's leaf 0? */
static inline bool is_amd(void)
{
	uint32_t a = 0, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return b == 0x68747541; /* "Auth" */
}

#define MSR_K7_EVNTSEL0 0xc0010000
#define MSR_K7_PERFCTR0 0xc0010004
#define K7_COUNTERS	4

/* AMD's performance counters, which are there whatever CPUID says: zeroed, as
 * kvm-unit-tests do at their start. What is left in them. */
static inline uint64_t zero_counters(void)
{
	uint64_t left = 0;

	for (uint32_t i = 0; i < K7_COUNTERS; i++) {
		wrmsr(MSR_K7_EVNTSEL0 + i, 0);
		wrmsr(MSR_K7_PERFCTR0 + i, 0);
		left |= rdmsr(MSR_K7_EVNTSEL0 + i) | rdmsr(MSR_K7_PERFCTR0 + i);
	}
	return left;
}

/* print.c: to the serial port. */
void print(const char *s);
void print_hex(uint32_t v);
/* "ok NAME" or "not ok NAME: VALUE"; failures are counted. */
void check(const char *name, bool holds, uint32_t value);
extern unsigned int failures;
bool has_word(const char *line, const char *word);

/* machine.c: chips. */
void check_machine(const struct info *info, bool flat);
extern volatile uint32_t interrupts[16];
void on_interrupt(uint32_t vector);

#endif
