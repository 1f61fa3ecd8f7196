// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI 2.0 tables (ACPI Specification 6.5, chapter 5): RSDP, XSDT, FADT, FACS, MADT,
 * and a DSDT with \_S5 alone; and an RSDT, because kvm-unit-tests (lib/acpi.c) read no
 * XSDT. Not hardware-reduced ACPI, with which Linux would use neither the PIT nor the
 * IO-APIC's legacy lines.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "boot/acpi.h"

#define REVISION      1
#define OEM	      "GPCVM "
#define OEM_TABLE     "GPCVM   "
#define LOCAL_APIC    0xfee00000
#define IO_APIC	      0xfec00000
#define ALL_CPUS      0xff
#define PIT_LINE      0 /* wired to pin 2 of the IO-APIC: machine/pc.c */
#define PIT_PIN	      2

/* FADT, table 5.10: IA-PC boot architecture flags. The PC has a serial port and a
 * clock, but no 8042, no VGA and no MSI. */
#define HAS_LEGACY    (1U << 0)
#define NO_VGA	      (1U << 2)
#define NO_MSI	      (1U << 3)

/* FADT, table 5.9: fixed feature flags. */
#define WBINVD	      (1U << 0)
#define PROC_C1	      (1U << 2)
#define NO_PWR_BUTTON (1U << 4)
#define NO_SLP_BUTTON (1U << 5)
#define NO_FIX_RTC    (1U << 6)
#define RESET_REG_SUP (1U << 10)
#define HEADLESS      (1U << 12)

/* No C2 and C3: more than 100 and 1000 microseconds. */
#define NO_C2	      101
#define NO_C3	      1001

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t checksum_all, reserved[3];
} __attribute__((packed));

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct xsdt {
	struct acpi_header h;
	uint64_t fadt, madt;
} __attribute__((packed));

struct rsdt {
	struct acpi_header h;
	uint32_t fadt, madt;
} __attribute__((packed));

struct facs {
	char signature[4];
	uint32_t length;
	uint8_t rest[56];
} __attribute__((packed));

struct address {
	uint8_t space, width, offset, access; /* space 1: I/O ports */
	uint64_t at;
} __attribute__((packed));

struct fadt {
	struct acpi_header h;
	uint32_t facs, dsdt;
	uint8_t reserved, profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t enable, disable, s4bios, pstate;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control;
	uint32_t pm2_control, timer, gpe0, gpe1;
	uint8_t pm1_event_len, pm1_control_len, pm2_len, timer_len;
	uint8_t gpe0_len, gpe1_len, gpe1_base, cst;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day, month, century;
	uint16_t boot_flags;
	uint8_t reserved_2;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value, reserved_3[3];
	uint64_t x_facs, x_dsdt;
	struct address x_pm1a_event, x_pm1b_event, x_pm1a_control;
	struct address x_pm1b_control, x_pm2, x_timer, x_gpe0, x_gpe1;
} __attribute__((packed));

struct madt_cpu {
	uint8_t type, len, uid, apic;
	uint32_t flags;
} __attribute__((packed));

struct madt_io_apic {
	uint8_t type, len, id, reserved;
	uint32_t at, first_gsi;
} __attribute__((packed));

struct madt_override {
	uint8_t type, len, bus, line;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct madt_nmi {
	uint8_t type, len, uid;
	uint16_t flags;
	uint8_t pin;
} __attribute__((packed));

struct madt {
	struct acpi_header h;
	uint32_t local_apic, flags;
	struct madt_io_apic io_apic;
	struct madt_override pit, sci;
	struct madt_nmi nmi;
	struct madt_cpu cpus[CONFIG_MAX_APICS];
} __attribute__((packed));

/* Name (\_S5, Package () { 5, 5, 0, 0 }) */
static const uint8_t aml[] = { 0x08, '_',  'S',	    '5',  '_',	   0x12, 8,
			       4,    0x0a, ACPI_S5, 0x0a, ACPI_S5, 0,	 0 };

struct dsdt {
	struct acpi_header h;
	uint8_t aml[sizeof(aml)];
} __attribute__((packed));

/* As they lie in memory. The FACS must be 64-byte aligned. */
struct tables {
	struct rsdp rsdp;
	uint8_t pad[28];
	struct facs facs;
	struct xsdt xsdt;
	struct rsdt rsdt;
	struct fadt fadt;
	struct dsdt dsdt;
	struct madt madt;
} __attribute__((packed));

_Static_assert(sizeof(struct rsdp) == 36, "RSDP");
_Static_assert(sizeof(struct fadt) == 244, "FADT of ACPI 2.0");
_Static_assert(offsetof(struct tables, facs) % 64 == 0, "FACS");
_Static_assert(sizeof(struct tables) <= MIB - BOOT_BIOS, "BIOS area");

#define AT(table) (BOOT_BIOS + offsetof(struct tables, table))

static uint8_t checksum(const void *table, size_t len)
{
	const uint8_t *p = table;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *p++);
	return (uint8_t)-sum;
}

/* Call it last: it computes the checksum. */
static void finish_table(struct acpi_header *h, const char *signature,
			 uint8_t revision, size_t len)
{
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = (uint32_t)len;
	h->revision = revision;
	memcpy(h->oem, OEM, sizeof(h->oem));
	memcpy(h->oem_table, OEM_TABLE, sizeof(h->oem_table));
	h->oem_revision = REVISION;
	memcpy(h->creator, OEM, sizeof(h->creator));
	h->creator_revision = REVISION;
	h->checksum = checksum(h, len);
}

static struct address port(uint16_t at, uint8_t bytes)
{
	/* Access size 1: bytes, 2: words. */
	return (struct address){ 1, (uint8_t)(bytes * 8), 0, bytes == 1 ? 1 : 2,
				 at };
}

static void make_rsdp(struct rsdp *r)
{
	memcpy(r->signature, "RSD PTR ", sizeof(r->signature));
	memcpy(r->oem, OEM, sizeof(r->oem));
	r->revision = 2;
	r->length = sizeof(*r);
	r->rsdt = AT(rsdt);
	r->xsdt = AT(xsdt);
	r->checksum = checksum(r, offsetof(struct rsdp, length));
	r->checksum_all = checksum(r, sizeof(*r));
}

static void make_fadt(struct fadt *f)
{
	f->facs = AT(facs);
	f->dsdt = AT(dsdt);
	f->x_dsdt = AT(dsdt);
	f->sci = ACPI_SCI;
	f->pm1a_event = ACPI_PM_PORT;
	f->pm1_event_len = ACPI_EVENT_LEN;
	f->x_pm1a_event = port(ACPI_PM_PORT, ACPI_EVENT_LEN);
	f->pm1a_control = ACPI_PM_PORT + ACPI_EVENT_LEN;
	f->pm1_control_len = ACPI_CONTROL_LEN;
	f->x_pm1a_control =
		port(ACPI_PM_PORT + ACPI_EVENT_LEN, ACPI_CONTROL_LEN);
	f->timer = ACPI_TIMER_PORT;
	f->timer_len = ACPI_TIMER_LEN;
	f->x_timer = port(ACPI_TIMER_PORT, ACPI_TIMER_LEN);
	f->x_timer.access = 3; /* double words */
	f->c2_latency = NO_C2;
	f->c3_latency = NO_C3;
	f->boot_flags = HAS_LEGACY | NO_VGA | NO_MSI;
	f->flags = WBINVD | PROC_C1 | NO_PWR_BUTTON | NO_SLP_BUTTON |
		   NO_FIX_RTC | RESET_REG_SUP | HEADLESS;
	f->reset = port(ACPI_RESET_PORT, 1);
	f->reset_value = ACPI_RESET_VALUE;
	finish_table(&f->h, "FACP", 3, sizeof(*f));
}

static void make_madt(struct madt *m, unsigned int vcpus)
{
	m->local_apic = LOCAL_APIC;
	m->flags = 1; /* PCAT_COMPAT: two PICs as well */
	m->io_apic = (struct madt_io_apic){ 1,	     sizeof(m->io_apic),
					    0,	     0,
					    IO_APIC, 0 };
	m->pit = (struct madt_override){ 2,	   sizeof(m->pit), 0,
					 PIT_LINE, PIT_PIN,	   0 };
	/* Active high, level. */
	m->sci = (struct madt_override){ 2,	   sizeof(m->sci), 0,
					 ACPI_SCI, ACPI_SCI,	   0xd };
	m->nmi = (struct madt_nmi){ 4, sizeof(m->nmi), ALL_CPUS, 0, 1 };
	for (unsigned int i = 0; i < vcpus; i++)
		m->cpus[i] = (struct madt_cpu){ 0, sizeof(m->cpus[i]),
						(uint8_t)i, (uint8_t)i, 1 };
	finish_table(&m->h, "APIC", 3,
		     offsetof(struct madt, cpus) + vcpus * sizeof(m->cpus[0]));
}

int acpi_put(struct boot *b, uint64_t *rsdp, struct err *e)
{
	struct tables *t = calloc(1, sizeof(*t));
	struct boot_piece p = { .what = "the ACPI tables",
				.gpa = BOOT_BIOS,
				.size = sizeof(*t),
				.type = BOOT_RESERVED,
				.data = (const uint8_t *)t,
				.len = sizeof(*t),
				.owned = t };

	if (!t)
		return err_os(e, ENOMEM, "memory for %s", p.what);
	make_rsdp(&t->rsdp);
	memcpy(t->facs.signature, "FACS", sizeof(t->facs.signature));
	t->facs.length = sizeof(t->facs);
	t->xsdt.fadt = AT(fadt);
	t->xsdt.madt = AT(madt);
	finish_table(&t->xsdt.h, "XSDT", 1, sizeof(t->xsdt));
	t->rsdt.fadt = AT(fadt);
	t->rsdt.madt = AT(madt);
	finish_table(&t->rsdt.h, "RSDT", 1, sizeof(t->rsdt));
	make_fadt(&t->fadt);
	memcpy(t->dsdt.aml, aml, sizeof(aml));
	finish_table(&t->dsdt.h, "DSDT", 2, sizeof(t->dsdt));
	make_madt(&t->madt, b->vcpus);
	*rsdp = AT(rsdp);
	return boot_put(b, &p, e);
}
