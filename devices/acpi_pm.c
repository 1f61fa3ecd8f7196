// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ports named in the ACPI tables (vmm/boot/acpi.c): the PM1a event and
 * control blocks (ACPI Specification 6.5, 4.8.3), always in ACPI mode and
 * without events; the PM timer (4.8.3.3); and the reset register, which is that
 * of Intel's chipsets.
 */
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "boot/acpi.h"
#include "devices/devices.h"

enum { STATUS_REG = 0, ENABLE_REG = 2, CONTROL_REG = ACPI_EVENT_LEN };

#define LEN	   (ACPI_EVENT_LEN + ACPI_CONTROL_LEN)
#define SCI_EN	   (1U << 0)
#define SLP_TYP(v) ((v) >> 10 & 7)
#define SLP_EN	   (1U << 13)
#define RST_CPU	   (1U << 2)

struct pm {
	struct board *board;
	pthread_mutex_t lock;
	uint8_t regs[LEN]; /* little-endian words */
};

/* Act on a write to the control register: power off for S5. */
static void pm_control(struct pm *pm)
{
	unsigned int v = pm->regs[CONTROL_REG] |
			 (unsigned int)pm->regs[CONTROL_REG + 1] << 8;

	if (v & SLP_EN && SLP_TYP(v) == ACPI_S5)
		pm->board->end(pm->board->machine, STATUS_OK,
			       "the guest powered off (ACPI S5)");
	/* SLP_EN and GBL_RLS read as zeros. ACPI mode cannot be left. */
	pm->regs[CONTROL_REG] =
		(uint8_t)((pm->regs[CONTROL_REG] & ~4U) | SCI_EN);
	pm->regs[CONTROL_REG + 1] &= (uint8_t) ~(SLP_EN >> 8);
}

static void acpi_pm_access(void *arg, struct vcpu *v, uint16_t port,
			   unsigned int size, bool write, uint8_t *data)
{
	struct pm *pm = arg;
	unsigned int at = port - ACPI_PM_PORT;

	(void)v;
	pthread_mutex_lock(&pm->lock);
	if (!write)
		memset(data, 0xff, size);
	for (unsigned int i = 0; i < size && at + i < LEN; i++)
		if (!write)
			data[i] = pm->regs[at + i];
		else if (at + i >= ENABLE_REG) /* status bits are never set */
			pm->regs[at + i] = data[i];
	if (write && at + size > CONTROL_REG)
		pm_control(pm);
	pthread_mutex_unlock(&pm->lock);
}

/* A 24-bit counter that wraps without an event. */
static void timer_access(void *arg, struct vcpu *v, uint16_t port,
			 unsigned int size, bool write, uint8_t *data)
{
	const uint64_t ns = now_ns();
	const uint64_t ticks = ns / NS_PER_SEC * ACPI_TIMER_HZ +
			       ns % NS_PER_SEC * ACPI_TIMER_HZ / NS_PER_SEC;
	const uint32_t value = (uint32_t)ticks & 0xffffff;
	const unsigned int at = port - ACPI_TIMER_PORT;

	(void)arg;
	(void)v;
	for (unsigned int i = 0; !write && i < size; i++)
		data[i] = at + i < ACPI_TIMER_LEN
				  ? (uint8_t)(value >> 8 * (at + i))
				  : 0xff;
}

static void reset_access(void *arg, struct vcpu *v, uint16_t port,
			 unsigned int size, bool write, uint8_t *data)
{
	struct pm *pm = arg;

	(void)v;
	(void)port;
	if (!write)
		memset(data, 0, size);
	else if (data[0] & RST_CPU)
		pm->board->end(
			pm->board->machine, STATUS_RESET,
			"the guest requested a reset (0x%x to port 0x%x)",
			data[0], ACPI_RESET_PORT);
}

static int acpi_pm_init(struct board *b, void *state, struct err *e)
{
	struct pm *pm = state;

	(void)e;
	pm->board = b;
	pthread_mutex_init(&pm->lock, NULL);
	pm->regs[CONTROL_REG] = SCI_EN;
	return 0;
}

static void acpi_pm_free(void *state)
{
	struct pm *pm = state;

	pthread_mutex_destroy(&pm->lock);
}

const struct device acpi_pm_device = {
	.name = "acpi_pm",
	.boards = BOARD_PC,
	.size = sizeof(struct pm),
	.ports = { { ACPI_PM_PORT, LEN, acpi_pm_access, "acpi-pm",
		     "gpcvm,acpi-pm" },
		   { ACPI_TIMER_PORT, ACPI_TIMER_LEN, timer_access, "pm-timer",
		     "gpcvm,pm-timer" },
		   { ACPI_RESET_PORT, 1, reset_access, "reset",
		     "gpcvm,reset" } },
	.init = acpi_pm_init,
	.free = acpi_pm_free,
};
