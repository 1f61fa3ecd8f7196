// SPDX-License-Identifier: GPL-2.0-only
/*
 * The time of day of an MC146818 at 0x70 and 0x71: the host's UTC, read-only.
 * Registers as in the data sheet. It raises no interrupt and ignores writes to
 * the time; the bytes of CMOS memory keep what is written to them.
 */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "devices/devices.h"

#define PORT 0x70

enum {
	SECONDS = 0,
	MINUTES = 2,
	HOURS = 4,
	WEEKDAY = 6,
	DAY = 7,
	MONTH = 8,
	YEAR = 9,
	REG_A = 10,
	REG_B = 11,
	REG_C = 12,
	REG_D = 13,
	CENTURY = 0x32,
	REGS = 128,
};

#define A_DIVIDER 0x26 /* 32768 Hz, 1024 per second; no update in progress */
#define B_24H	  0x02
#define B_BINARY  0x04
#define D_VALID	  0x80
#define PM	  0x80

struct rtc {
	pthread_mutex_t lock;
	uint8_t index;
	uint8_t cmos[REGS];
};

static uint8_t rtc_number(const struct rtc *r, int n)
{
	return (uint8_t)(r->cmos[REG_B] & B_BINARY ? n : n / 10 << 4 | n % 10);
}

static uint8_t rtc_hours(const struct rtc *r, int h)
{
	if (r->cmos[REG_B] & B_24H)
		return rtc_number(r, h);
	return rtc_number(r, (h + 11) % 12 + 1) | (h >= 12 ? PM : 0);
}

static uint8_t rtc_read(const struct rtc *r)
{
	time_t now = time(NULL);
	struct tm t;

	gmtime_r(&now, &t);
	switch (r->index) {
	case SECONDS:
		return rtc_number(r, t.tm_sec);
	case MINUTES:
		return rtc_number(r, t.tm_min);
	case HOURS:
		return rtc_hours(r, t.tm_hour);
	case WEEKDAY:
		return rtc_number(r, t.tm_wday + 1);
	case DAY:
		return rtc_number(r, t.tm_mday);
	case MONTH:
		return rtc_number(r, t.tm_mon + 1);
	case YEAR:
		return rtc_number(r, t.tm_year % 100);
	case CENTURY:
		return rtc_number(r, 19 + t.tm_year / 100);
	case REG_C: /* no interrupt is pending */
		return 0;
	case REG_D:
		return D_VALID;
	default:
		return r->cmos[r->index];
	}
}

static void rtc_access(void *arg, struct vcpu *v, uint16_t port,
		       unsigned int size, bool write, uint8_t *data)
{
	struct rtc *r = arg;

	(void)v;
	pthread_mutex_lock(&r->lock);
	if (!write)
		memset(data, 0xff, size);
	if (write && port == PORT)
		r->index = data[0] % REGS; /* bit 7 masks the NMI */
	else if (write)
		r->cmos[r->index] = data[0];
	else if (port == PORT + 1)
		data[0] = rtc_read(r);
	pthread_mutex_unlock(&r->lock);
}

static int rtc_init(struct board *b, void *state, struct err *e)
{
	struct rtc *r = state;

	(void)b;
	(void)e;
	pthread_mutex_init(&r->lock, NULL);
	r->cmos[REG_A] = A_DIVIDER;
	r->cmos[REG_B] = B_24H;
	return 0;
}

static void rtc_free(void *state)
{
	struct rtc *r = state;

	pthread_mutex_destroy(&r->lock);
}

const struct device rtc_device = {
	.name = "rtc",
	.boards = BOARD_PC,
	.size = sizeof(struct rtc),
	.ports = { { PORT, 2, rtc_access, "rtc", "motorola,mc146818" } },
	.init = rtc_init,
	.free = rtc_free,
};
