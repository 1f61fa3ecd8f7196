/* SPDX-License-Identifier: GPL-2.0-only */
/* Describes the machine to the guest in a flattened device tree. */
#ifndef GPCVM_DEVTREE_H
#define GPCVM_DEVTREE_H

#include "boot/boot.h"
#include "machine/layout.h"
#include "pv/pv.h"

struct device;

struct devtree {
	const struct device *const *devices; /* NULL ends */
	const struct config *cfg;
	const struct layout *layout;
	const struct memory *memory;
	const struct pv_vm *pv;
	struct boot_range initrd; /* len 0: none */
	const char *append;	  /* a kernel's command line; NULL: none */
};

/* Returns a tree of at most layout->fdt.len bytes, which the caller frees, and its
 * size in *len; NULL on failure. */
void *devtree_build(const struct devtree *m, size_t *len, struct err *e);

#endif
