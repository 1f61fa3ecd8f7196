/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ACPI tables of a --kernel: enough to find the CPUs, the interrupt controllers
 * and the PM timer, to power off and to reset. devices/acpi_pm.c implements the
 * numbers here.
 */
#ifndef GPCVM_ACPI_H
#define GPCVM_ACPI_H

#include "boot/boot.h"

#define ACPI_PM_PORT	 0x600 /* PM1a event, 4 bytes; then PM1a control, 2 */
#define ACPI_EVENT_LEN	 4
#define ACPI_CONTROL_LEN 2
#define ACPI_TIMER_PORT	 0x608 /* 24 bits, 3.579545 MHz */
#define ACPI_TIMER_LEN	 4
#define ACPI_TIMER_HZ	 3579545
#define ACPI_SCI	 9
#define ACPI_RESET_PORT	 0xcf9
#define ACPI_RESET_VALUE 0x06
#define ACPI_S5		 5 /* SLP_TYP of power-off */

/* Put them into the BIOS area, for up to CONFIG_MAX_APICS vCPUs. *rsdp becomes the
 * gpa of the RSDP. */
int acpi_put(struct boot *b, uint64_t *rsdp, struct err *e);

#endif
