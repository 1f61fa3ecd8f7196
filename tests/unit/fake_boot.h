/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of the loaders: one boot, from a byte array. */
#ifndef GPCVM_TESTS_UNIT_FAKE_BOOT_H
#define GPCVM_TESTS_UNIT_FAKE_BOOT_H

#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"

static struct boot boot;
static struct err err;
static uint64_t ram = 16 * MIB, high_ram; /* from 0, from 4 GiB on */

/* With exactly @len bytes, so that a sanitizer sees what reads past them. */
static int parse(const uint8_t *image, size_t len)
{
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	memcpy(copy, image, len);
	boot.kernel = (struct bytes){ "KERNEL", copy, len };
	boot.append = boot.append ? boot.append : "";
	boot_make_map(&boot, ram, high_ram);
	memset(&err, 0, sizeof(err));
	return boot_parse(&boot, &err);
}

static int done(void **state)
{
	(void)state;
	boot_free(&boot);
	memset(&boot, 0, sizeof(boot));
	ram = 16 * MIB;
	high_ram = 0;
	return 0;
}

static void refused(const uint8_t *image, size_t len, enum err_kind kind,
		    const char *words)
{
	assert_int_equal(parse(image, len), -1);
	assert_int_equal(err.kind, kind);
	if (!strstr(err.msg, words) || !strstr(err.msg, "KERNEL"))
		fail_msg("no '%s' in: %s", words, err.msg);
	done(NULL);
}

/* @len bytes of what lies at @gpa when the kernel begins. */
static const void *told_bytes(uint64_t gpa, uint64_t len)
{
	for (unsigned int i = 0; i < boot.nr_pieces; i++) {
		const struct boot_piece *p = &boot.pieces[i];

		if (gpa >= p->gpa && gpa + len <= p->gpa + p->len)
			return p->data + (gpa - p->gpa);
	}
	fail_msg("gpa 0x%llx is in no piece", (unsigned long long)gpa);
	abort(); /* which fail_msg() does not come back to */
}

static inline uint32_t told(uint32_t gpa)
{
	uint32_t v;

	memcpy(&v, told_bytes(gpa, sizeof(v)), sizeof(v));
	return v;
}

static const char *told_text(uint64_t gpa)
{
	return told_bytes(gpa, 1);
}

/* One more --initrd, of @len bytes 1, 2, 3 ... */
static void add_module(const char *name, size_t len, const char *args)
{
	struct boot_module *m = &boot.modules[boot.nr_modules++];
	uint8_t *copy = malloc(len);

	assert_non_null(copy);
	for (size_t i = 0; i < len; i++)
		copy[i] = (uint8_t)(i + 1);
	*m = (struct boot_module){ .image = { name, copy, len }, .args = args };
}

#endif
