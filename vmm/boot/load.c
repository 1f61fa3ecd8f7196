// SPDX-License-Identifier: GPL-2.0-only
/* The table of loaders. */
#include <stdio.h>
#include <string.h>

#include "boot/boot.h"

static const struct boot_loader *const boot_loaders[] = {
	&linux_loader,
	&multiboot_loader,
	&pvh_loader,
};

static bool begins(const struct bytes *b, const char *magic, size_t len)
{
	return b->len >= len && !memcmp(b->data, magic, len);
}

/* Names a file that no loader accepts. */
static const char *identify(const struct bytes *b)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *name;
	} rows[] = {
		{ "\x1f\x8b", 2, "compressed with gzip: gzip -d first" },
		{ "\xfd"
		  "7zXZ",
		  5, "compressed with xz: xz -d first" },
		{ "BZh", 3, "compressed with bzip2: bzip2 -d first" },
		{ "\x28\xb5\x2f\xfd", 4,
		  "compressed with zstd: zstd -d first" },
		{ "\x04\x22\x4d\x18", 4, "compressed with lz4: lz4 -d first" },
		{ "\x02\x21\x4c\x18", 4, "compressed with lz4: lz4 -d first" },
		{ "\x5d\x00\x00", 3, "compressed with lzma: lzma -d first" },
		{ "\x7f"
		  "ELF\x01",
		  5, "a 32-bit ELF file" },
		{ "\x7f"
		  "ELF\x02",
		  5, "a 64-bit ELF file" },
		{ "MZ", 2, "an EFI program or a Linux bzImage" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		if (begins(b, rows[i].magic, rows[i].len))
			return rows[i].name;
	return "unrecognised kernel image";
}

static int no_loader(const struct boot *b, struct err *e)
{
	char can[400] = "";

	for (unsigned int i = 0; i < ARRAY_SIZE(boot_loaders); i++) {
		size_t n = strlen(can);

		snprintf(can + n, sizeof(can) - n, "%s%s", i ? "; " : "",
			 boot_loaders[i]->help);
	}
	return err_unsupported(e, "--kernel %s: %s; supported formats: %s",
			       b->kernel.name, identify(&b->kernel), can);
}

int boot_parse(struct boot *b, struct err *e)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(boot_loaders); i++) {
		if (!boot_loaders[i]->match(b))
			continue;
		b->loader = boot_loaders[i];
		return b->loader->load(b, e);
	}
	return no_loader(b, e);
}
