// SPDX-License-Identifier: GPL-2.0-only
/* The chips of a PC, as bare-metal tests expect them. Interrupts come through
 * the IO-APIC; paging is off, so the APICs are where they are. */
#include "image.h"

#define APIC		  0xfee00000
#define APIC_ID		  0x20
#define APIC_VER	  0x30
#define APIC_EOI	  0xb0
#define APIC_SPIV	  0xf0
#define APIC_ICR	  0x300
#define APIC_ICR2	  0x310
#define APIC_LVTT	  0x320
#define APIC_TMICT	  0x380
#define APIC_TDCR	  0x3e0

#define IOAPIC		  0xfec00000

#define COM1		  0x3f8
#define IER		  1
#define IIR		  2
#define MCR		  4

#define LVTT_DEADLINE	  0x40000
#define MSR_TSC_DEADLINE  0x6e0
#define HAVE_TSC_DEADLINE (1U << 24)

#define FW_CFG		  0x510
#define FW_RAM		  3
#define FW_CPUS		  5

#define TEST_LINES	  0x2000
#define TEST_ECHO	  0xe0
#define TEST_ECHO_BYTES	  0xe8
#define LINE		  14 /* nobody else's */

#define PM_TIMER_HZ	  3579545
#define PM_TIMER_MASK	  0xffffff

#define VEC_TIMER	  0x20
#define VEC_PIT		  0x21
#define VEC_TSC		  0x22
#define VEC_LINE	  0x23
#define VEC_SERIAL	  0x24

#define SPINS		  500000 /* seconds, where each is an exit */

extern uint32_t aps;
extern char trampoline[], trampoline_end[];

volatile uint32_t interrupts[16];

static volatile uint32_t *apic(uint32_t reg)
{
	return (volatile uint32_t *)(APIC + reg);
}

static void ioapic_write(uint32_t reg, uint32_t v)
{
	*(volatile uint32_t *)IOAPIC = reg;
	*(volatile uint32_t *)(IOAPIC + 0x10) = v;
}

static uint32_t ioapic_read(uint32_t reg)
{
	*(volatile uint32_t *)IOAPIC = reg;
	return *(volatile uint32_t *)(IOAPIC + 0x10);
}

void on_interrupt(uint32_t vector)
{
	interrupts[vector - 0x20]++;
	if (vector == VEC_SERIAL)
		in8(COM1 + IIR);
	*apic(APIC_EOI) = 0;
}

/* Edge-triggered, physical, to APIC 0. */
static void route(uint32_t pin, uint32_t vector)
{
	ioapic_write(0x11 + 2 * pin, 0);
	ioapic_write(0x10 + 2 * pin, vector);
}

/* Enough ports reads to let time pass: they are exits. */
static bool comes(unsigned int vector)
{
	bool r;

	__asm__ volatile("sti");
	for (unsigned int i = 0; i < SPINS && !interrupts[vector - 0x20]; i++)
		in8(0x64);
	r = interrupts[vector - 0x20];
	__asm__ volatile("cli");
	return r;
}

/* What is pending. */
static void let_in(void)
{
	__asm__ volatile("sti");
	for (unsigned int i = 0; i < 100; i++)
		in8(0x64);
	__asm__ volatile("cli");
}

static void check_apics(void)
{
	uint32_t v = *apic(APIC_VER), io;

	check("local APIC", (v & 0xf0) == 0x10 && *apic(APIC_ID) >> 24 == 0, v);
	check("CPUID has its number", cpuid_apic() == *apic(APIC_ID) >> 24,
	      cpuid_apic());
	*apic(APIC_SPIV) = 0x1ff;
	*apic(APIC_TDCR) = 0xb;
	*apic(APIC_LVTT) = VEC_TIMER;
	*apic(APIC_TMICT) = 100000;
	check("local APIC timer", comes(VEC_TIMER), 0);
	check("TSC deadline in CPUID", features() & HAVE_TSC_DEADLINE,
	      features());
	*apic(APIC_LVTT) = LVTT_DEADLINE | VEC_TSC;
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 100000);
	check("TSC deadline", comes(VEC_TSC), 0);
	io = ioapic_read(1);
	check("IO-APIC", (io >> 16 & 0xff) == 23, io);
}

static void check_pit(void)
{
	uint8_t port61;

	route(2, VEC_PIT);
	out8(0x43, 0x34); /* channel 0, mode 2, both bytes */
	out8(0x40, 0xa9); /* 1193: a millisecond */
	out8(0x40, 0x04);
	check("PIT through pin 2", comes(VEC_PIT), 0);
	ioapic_write(0x10 + 2 * 2, 0x10000);
	out8(0x61, 1); /* the gate of channel 2, no speaker */
	port61 = in8(0x61);
	check("speaker port", (port61 & 0xc3) == 1, port61);
	out8(0x43, 0xb0); /* channel 2, mode 0 */
	out8(0x42, 0x10);
	out8(0x42, 0x00);
	for (unsigned int i = 0; i < SPINS && !(in8(0x61) & 0x20); i++)
		;
	port61 = in8(0x61);
	check("PIT channel 2", port61 & 0x20, port61);
}

static void check_serial(void)
{
	uint8_t idle = in8(COM1 + IIR), pending, looped;

	check("serial idle", (idle & 0xf) == 1, idle);
	route(4, VEC_SERIAL);
	out8(COM1 + MCR, 0x0b); /* OUT2 lets the interrupt through */
	out8(COM1 + IER, 2);	/* transmitter empty, as it is */
	check("serial interrupt 4", comes(VEC_SERIAL), 0);
	out8(COM1 + MCR, 0x1b); /* loop: what is sent is received */
	out8(COM1 + IER, 1);
	out8(COM1, 'x');
	pending = in8(COM1 + IIR);
	looped = in8(COM1);
	out8(COM1 + IER, 0);
	out8(COM1 + MCR, 0x03); /* from here on it prints again */
	check("serial receive pending", (pending & 0xf) == 4, pending);
	check("serial loop", looped == 'x', looped);
}

/* QEMU's device for KVM's unit tests (hw/misc/pc-testdev.c). */
static void check_test_device(void)
{
	route(LINE, VEC_LINE);
	out8(TEST_LINES + LINE, 0);
	check("test device, a line that is low", !interrupts[VEC_LINE - 0x20],
	      interrupts[VEC_LINE - 0x20]);
	out8(TEST_LINES + LINE, 1);
	check("test device, a line is raised", comes(VEC_LINE), 0);
	out8(TEST_LINES + LINE, 1); /* as it is: no edge */
	let_in();
	check("test device, once an edge", interrupts[VEC_LINE - 0x20] == 1,
	      interrupts[VEC_LINE - 0x20]);
	out8(TEST_LINES + LINE, 0);
	let_in();
	interrupts[VEC_LINE - 0x20] = 0;
	out8(TEST_LINES + LINE, 0x80);
	check("test device, it is raised again", comes(VEC_LINE), 0);
	out8(TEST_LINES + LINE, 0);
	ioapic_write(0x10 + 2 * LINE, 0x10000);
	out32(TEST_ECHO, 0x44332211);
	check("test device, 4 bytes", in32(TEST_ECHO) == 0x44332211,
	      in32(TEST_ECHO));
	out16(TEST_ECHO, 0x6655);
	check("test device, 2 bytes", in16(TEST_ECHO) == 0x6655,
	      in16(TEST_ECHO));
	out8(TEST_ECHO_BYTES + 3, 0x77);
	check("test device, 1 byte", in8(TEST_ECHO + 3) == 0x77,
	      in8(TEST_ECHO + 3));
	check("test device, each byte has its place",
	      in32(TEST_ECHO_BYTES) == 0x77336655, in32(TEST_ECHO_BYTES));
}

static uint8_t sum(uint32_t at, uint32_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *(const uint8_t *)at++);
	return s;
}

static uint32_t word(uint32_t at)
{
	return *(const volatile uint32_t *)at;
}

/* ACPI Specification 6.5, 5.2.5.1; kvm-unit-tests look no further than the
 * signature, and take the RSDT, as ACPI 1.0 has it. */
static uint32_t find_rsdp(void)
{
	for (uint32_t at = 0xe0000; at < 0x100000; at += 16)
		if (word(at) == 0x20445352 && word(at + 4) == 0x20525450)
			return at;
	return 0;
}

/* By its signature, among those that the RSDT names; 0: it is not there. */
static uint32_t find_table(uint32_t rsdt, uint32_t signature)
{
	for (uint32_t at = rsdt + 36; at < rsdt + word(rsdt + 4); at += 4)
		if (word(word(at)) == signature)
			return word(at);
	return 0;
}

/* Against the PIT's channel 2: neither bound depends on who runs when. */
static void check_pm_timer(uint16_t port)
{
	const uint32_t ms = 10, ticks = PM_TIMER_HZ / 1000 * ms;
	const uint32_t before = in32(port);
	uint32_t begin, last, now;

	out8(0x61, 1);
	out8(0x43, 0xb0); /* channel 2, mode 0 */
	out8(0x42, (uint8_t)(1193 * ms));
	out8(0x42, (uint8_t)(1193 * ms >> 8));
	begin = last = now = in32(port);
	while (!(in8(0x61) & 0x20)) {
		last = now; /* before it was over */
		now = in32(port);
	}
	now = in32(port);
	check("PM timer has 24 bits", !((before | now) & ~PM_TIMER_MASK), now);
	now = (now - before) & PM_TIMER_MASK;
	check("PM timer goes", now > ticks - ticks / 10, now);
	last = (last - begin) & PM_TIMER_MASK;
	check("PM timer does not go too fast", last < ticks + ticks / 10, last);
}

static void check_acpi(void)
{
	const uint32_t rsdp = find_rsdp(), rsdt = rsdp ? word(rsdp + 16) : 0;
	uint32_t fadt = 0;

	check("RSDP in the BIOS area", rsdp && !sum(rsdp, 20), rsdp);
	check("RSDT",
	      rsdt && word(rsdt) == 0x54445352 && !sum(rsdt, word(rsdt + 4)),
	      rsdt);
	if (rsdt)
		fadt = find_table(rsdt, 0x50434146);
	check("FADT", fadt && !sum(fadt, word(fadt + 4)), fadt);
	check("MADT", rsdt && find_table(rsdt, 0x43495041), rsdt);
	check("PM timer in the FADT", fadt && word(fadt + 76), fadt);
	if (fadt && word(fadt + 76))
		check_pm_timer((uint16_t)word(fadt + 76));
}

static uint32_t fw_cfg(uint16_t key)
{
	uint32_t v = 0;

	out16(FW_CFG, key);
	for (unsigned int i = 0; i < 4; i++)
		v |= (uint32_t)in8(FW_CFG + 1) << 8 * i;
	return v;
}

static void wait_us(unsigned int us)
{
	*apic(APIC_LVTT) = 0x10000;
	*apic(APIC_TMICT) = us * 1000; /* KVM's bus: 1 ns */
	while (*apic(0x390))
		;
}

static bool aps_are(uint32_t want)
{
	const volatile uint32_t *now = &aps;

	for (unsigned int i = 0; i < SPINS && *now != want; i++)
		in8(0x64);
	return *now == want;
}

/* To gpa 0: not in C, which has nothing there. */
static void copy_trampoline(void)
{
	const char *from = trampoline;
	uint32_t to = 0, n = (uint32_t)(trampoline_end - trampoline);

	__asm__ volatile("rep movsb"
			 : "+S"(from), "+D"(to), "+c"(n)
			 :
			 : "memory");
}

/* The flat image has no trampoline below 1 MiB, only the copy. */
static void check_aps(bool flat, bool copy)
{
	const uint32_t others = (fw_cfg(FW_CPUS) & 0xffff) - 1;

	*apic(APIC_ICR) = 0xc4500; /* INIT to all but this one */
	wait_us(10000);
	check("APs wait for the SIPI", aps_are(0), aps);
	if (!flat) {
		*apic(APIC_ICR) = 0xc4608; /* SIPI, to 0x8000 */
		check("APs begin at the SIPI", aps_are(others), aps);
	}
	if (copy) {
		const uint32_t want = aps + others;

		copy_trampoline();
		/* No pause between the two, as kvm-unit-tests do it. */
		*apic(APIC_ICR) = 0xc4500;
		*apic(APIC_ICR) = 0xc4600;
		check("APs begin in a copy", aps_are(want), aps);
	}
	print("CPUs ");
	print_hex(others + 1);
	print("\n");
}

static uint8_t rtc(uint8_t reg)
{
	out8(0x70, reg);
	return in8(0x71);
}

/* In BCD: the date, and the time of day. */
static void read_rtc(uint32_t *date, uint32_t *time)
{
	*date = (uint32_t)rtc(0x32) << 24 | rtc(9) << 16 | rtc(8) << 8 | rtc(7);
	*time = rtc(4) << 16 | rtc(2) << 8 | rtc(0);
}

static void check_rtc(void)
{
	uint32_t date, time, again;

	check("RTC valid", rtc(13) == 0x80, rtc(13));
	do {
		read_rtc(&date, &time);
		read_rtc(&date, &again);
	} while (time != again);
	print("RTC ");
	print_hex(date);
	print(" ");
	print_hex(time);
	print("\n");
}

static void check_rest(const struct info *info)
{
	uint32_t ram = fw_cfg(FW_RAM);

	check("performance counters take a zero", !zero_counters(), 0);
	check("fw_cfg RAM", ram == 0x100000 + info->mem_upper * 1024, ram);
	check_rtc();
	check("PS/2 absent", in8(0x64) == 0xff && in8(0x60) == 0xff, in8(0x64));
	check("unhandled port, 1 byte", in8(0x1234) == 0xff, in8(0x1234));
	check("unhandled port, 2 bytes", in16(0x1234) == 0xffff, in16(0x1234));
	check("unhandled port, 4 bytes", in32(0x1234) == 0xffffffff,
	      in32(0x1234));
}

void check_machine(const struct info *info, bool flat)
{
	/* Nobody has set the PICs up: what is wired to the IO-APIC would come
	 * through them as well, as vectors of exceptions. */
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	check_apics();
	check_pit();
	check_serial();
	check_test_device();
	check_acpi();
	check_aps(flat, !has_word((const char *)info->cmdline, "nocopy"));
	check_rest(info);
}
