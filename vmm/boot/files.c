// SPDX-License-Identifier: GPL-2.0-only
/* Reads the files of a kernel into memory. */
#include <errno.h>
#include <string.h>

#include "boot/guest_linux.h"

static uint64_t ram(const struct boot *b)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < b->nr_ranges; i++)
		if (b->map[i].type == BOOT_RAM)
			sum += b->map[i].len;
	return sum;
}

/* --guest linux: our initramfs is the first module; extend the command line. */
static int read_ours(struct boot *b, struct err *e)
{
	b->own_append = guest_linux_append(b->append);
	if (!b->own_append)
		return err_os(e, ENOMEM, "memory for a command line");
	b->append = b->own_append;
	if (guest_linux_initrd(&b->modules[0].image, e))
		return -1;
	b->nr_modules = 1;
	return 0;
}

int boot_read(struct boot *b, const struct config *cfg, struct err *e)
{
	b->append = cfg->append ? cfg->append : "";
	if (guest_linux_kernel(cfg, b->path, sizeof(b->path), e) ||
	    bytes_read(&b->kernel, "--kernel", b->path, ram(b), e) ||
	    (cfg->agent && read_ours(b, e)))
		return -1;
	for (unsigned int i = 0; i < cfg->nr_modules; i++) {
		struct boot_module *m = &b->modules[b->nr_modules++];

		m->args = cfg->modules[i].args;
		m->path =
			strndup(cfg->modules[i].arg, cfg->modules[i].path_len);
		if (!m->path)
			return err_os(e, ENOMEM, "memory for --initrd");
		if (bytes_read(&m->image, "--initrd", m->path, ram(b), e))
			return -1;
	}
	return 0;
}
