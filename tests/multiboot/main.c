// SPDX-License-Identifier: GPL-2.0-only
/*
 * A Multiboot 1 image that checks what it was given and the machine around it:
 * a line for each thing, and an end by debug-exit with the number of failures.
 * Words of its command line: wait (halt for ever in the end), exit=7, reset,
 * cf9, poweroff, triple (other ends), quick (nothing but the information).
 */
#include "image.h"

#define BOOTED	   0x2badb002
#define DEBUG_EXIT 0xf4

#ifdef FLAT
#define IS_FLAT true
#else
#define IS_FLAT false
#endif

struct gate {
	uint16_t low, sel, type, high;
};

void image_main(uint32_t eax, struct info *info, uint32_t cr0, uint32_t eflags);
void on_exception(void);

extern struct gate idt[256];
extern char stubs[], unexpected[], load_start[], bss_end[];

static uint32_t data = 0x12345678;
static uint32_t zeros[3000];

void on_exception(void)
{
	print("not ok: an exception\n");
	out32(DEBUG_EXIT, 100);
}

static void set_up_idt(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		uintptr_t to = i >= 0x20 && i < 0x30
				       ? (uintptr_t)stubs + (i - 0x20) * 16
				       : (uintptr_t)unexpected;

		idt[i] = (struct gate){ (uint16_t)to, 8, 0x8e00,
					(uint16_t)(to >> 16) };
	}
}

static void check_entry(uint32_t eax, uint32_t cr0, uint32_t eflags)
{
	volatile uint32_t *low = (uint32_t *)0x5000;
	volatile uint32_t *high = (uint32_t *)0x105000;
	uint32_t sum = 0;

	check("EAX is the magic", eax == BOOTED, eax);
	check("protected mode, paging off", (cr0 & 0x80000001) == 1, cr0);
	check("interrupts off", !(eflags & 0x200), eflags);
	*low = 1;
	*high = 2;
	check("A20", *low == 1 && *high == 2, *low);
	check("data is loaded", data == 0x12345678, data);
	for (unsigned int i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		sum |= zeros[i];
	check("bss is zero", !sum, sum);
}

/* Is all of the image in RAM, by the map? */
static bool in_map(const struct info *info, uint64_t gpa, uint64_t end)
{
	uint32_t at = info->mmap_addr;

	while (at < info->mmap_addr + info->mmap_length) {
		const struct range *r = (const void *)at;

		if (r->type == 1 && gpa >= r->gpa && end <= r->gpa + r->len)
			return true;
		at += r->size + 4;
	}
	return false;
}

static void print_map(const struct info *info)
{
	uint32_t at = info->mmap_addr;

	while (at < info->mmap_addr + info->mmap_length) {
		const struct range *r = (const void *)at;

		print("range ");
		print_hex((uint32_t)(r->gpa >> 32));
		print_hex((uint32_t)r->gpa);
		print(" ");
		print_hex((uint32_t)(r->len >> 32));
		print_hex((uint32_t)r->len);
		print(r->type == 1 ? " RAM\n" : " reserved\n");
		at += r->size + 4;
	}
}

/* By words, and what is left by bytes: a KVM that emulates what is not paged
 * takes a microsecond for each instruction. */
static uint32_t checksum(uint32_t at, uint32_t end)
{
	uint32_t sum = 0;

	for (; end - at >= 4; at += 4)
		sum = (sum << 1 | sum >> 31) ^ *(const uint32_t *)at;
	for (; at < end; at++)
		sum = (sum << 1 | sum >> 31) ^ *(const uint8_t *)at;
	return sum;
}

static void check_modules(const struct info *info)
{
	const struct module *m = (const void *)info->mods_addr;

	for (unsigned int i = 0; i < info->mods_count; i++) {
		check("module on a page", !(m[i].start & 0xfff), m[i].start);
		check("module behind the image",
		      m[i].start >= (uintptr_t)bss_end &&
			      in_map(info, m[i].start, m[i].end),
		      m[i].start);
		print("module ");
		print((const char *)m[i].string);
		print(": ");
		print_hex(m[i].end - m[i].start);
		print(" ");
		print_hex(checksum(m[i].start, m[i].end));
		print("\n");
	}
}

static void check_info(const struct info *info)
{
	check("flags of the information", (info->flags & 0x24d) == 0x24d,
	      info->flags);
	check("mem_lower", info->mem_lower == 639, info->mem_lower);
	check("the image is in RAM of the map",
	      in_map(info, (uintptr_t)load_start, (uintptr_t)bss_end), 0);
	check("mem_upper is RAM of the map",
	      in_map(info, 0x100000,
		     0x100000 + (uint64_t)info->mem_upper * 1024) &&
		      !in_map(info, 0x100000,
			      0x100001 + (uint64_t)info->mem_upper * 1024),
	      info->mem_upper);
	print_map(info);
	print("loader ");
	print((const char *)info->name);
	print("\ncommand line ");
	print((const char *)info->cmdline);
	print("\n");
	check_modules(info);
}

/* As Linux does (drivers/acpi/acpica/hwsleep.c): SLP_TYP first, then SLP_EN. On
 * the way it is looked at whether the registers are what they should be. */
static void power_off(void)
{
	uint16_t control = in16(0x604);

	check("ACPI mode", control & 1, control);
	check("nothing pending", !in16(0x600), in16(0x600));
	out16(0x602, 0x0120);
	check("enable is kept", in16(0x602) == 0x0120, in16(0x602));
	out16(0x604, 0x2000); /* S0: nothing happens */
	control = in16(0x604);
	check("SLP_EN reads 0", !(control & 0x2000), control);
	if (failures)
		return;
	out16(0x604, 5 << 10);
	out16(0x604, 5 << 10 | 0x2000);
}

static void end(const char *args)
{
	static const struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) none;

	if (has_word(args, "reset"))
		out8(0x64, 0xfe);
	if (has_word(args, "cf9"))
		out8(0xcf9, 6);
	if (has_word(args, "poweroff"))
		power_off();
	if (has_word(args, "triple"))
		__asm__ volatile("lidt %0; ud2" : : "m"(none));
	if (has_word(args, "wait")) {
		/* Where the loader's window was: the host is to see it only
		 * where it sees all of the guest's memory. */
		*(volatile uint32_t *)0x20000 = 0x600dcafe;
		print("waiting\n");
		return;
	}
	out32(DEBUG_EXIT, has_word(args, "exit=7") ? 7 : failures);
}

void image_main(uint32_t eax, struct info *info, uint32_t cr0, uint32_t eflags)
{
	const char *args = (const char *)info->cmdline;

	set_up_idt();
	print(IS_FLAT ? "multiboot image, flat\n" : "multiboot image, ELF\n");
	check_entry(eax, cr0, eflags);
	check_info(info);
	if (!has_word(args, "quick"))
		check_machine(info, IS_FLAT);
	print(failures ? "FAIL\n" : "PASS\n");
	end(args);
}
