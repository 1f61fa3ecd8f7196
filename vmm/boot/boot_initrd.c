// SPDX-License-Identifier: GPL-2.0-only
/* For both of Linux's loaders: the initrd and the command line. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "boot/boot.h"

/* An archive in an initramfs starts at a multiple of 4, after zeros
 * (Documentation/driver-api/early-userspace/buffer-format.rst). */
#define ARCHIVE_ALIGN 4

static int check_args(const struct boot *b, struct err *e)
{
	for (unsigned int i = 0; i < b->nr_modules; i++)
		if (b->modules[i].args)
			return err_usage(e,
					 "--initrd %s,%s: a file of Linux's "
					 "initrd has no command line, and no "
					 "comma in its name",
					 b->modules[i].image.name,
					 b->modules[i].args);
	return 0;
}

static uint64_t initrd_size(const struct boot *b)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < b->nr_modules; i++)
		sum = align_up(sum, ARCHIVE_ALIGN) + b->modules[i].image.len;
	return sum;
}

int boot_put_initrd(struct boot *b, uint64_t from, uint64_t below,
		    struct err *e)
{
	struct boot_range r = { .len = initrd_size(b), .type = BOOT_RAM };
	uint64_t at;

	if (!b->nr_modules)
		return 0;
	if (check_args(b, e) ||
	    boot_find(b, from, below, r.len, "the initrd", &r.gpa, e))
		return -1;
	at = r.gpa;
	for (unsigned int i = 0; i < b->nr_modules; i++) {
		const struct bytes *im = &b->modules[i].image;
		struct boot_piece p = { .gpa = align_up(at, ARCHIVE_ALIGN),
					.size = im->len,
					.data = im->data,
					.len = im->len };

		snprintf(p.what, sizeof(p.what), "initrd file %u", i);
		if (boot_put(b, &p, e))
			return -1;
		at = p.gpa + p.size;
	}
	b->initrd = r;
	return 0;
}

int boot_put_append(struct boot *b, uint64_t max, uint64_t *gpa, struct err *e)
{
	uint64_t len = strlen(b->append);
	char *s;

	if (len > max)
		return err_range(e,
				 "--append: a command line of %" PRIu64
				 " bytes; %s takes at most %" PRIu64,
				 len, b->kernel.name, max);
	s = boot_alloc(b, "the command line", PAGE_SIZE, 4 * GIB, len + 1, gpa,
		       e);
	if (s)
		memcpy(s, b->append, len);
	return s ? 0 : -1;
}
