// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uses libfdt's sequential functions. Every step goes through ok(), which keeps the
 * first failure and skips the rest.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "machine/board.h"
#include "machine/devtree.h"

struct tree {
	void *fdt;
	int err; /* the first -FDT_ERR_* */
};

static void ok(struct tree *t, int r)
{
	if (!t->err && r < 0)
		t->err = r;
}

static void begin_node(struct tree *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void begin_node(struct tree *t, const char *fmt, ...)
{
	char name[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (!t->err)
		ok(t, fdt_begin_node(t->fdt, name));
}

static void end_node(struct tree *t)
{
	if (!t->err)
		ok(t, fdt_end_node(t->fdt));
}

static void str(struct tree *t, const char *name, const char *value)
{
	if (!t->err)
		ok(t, fdt_property_string(t->fdt, name, value));
}

static void u32(struct tree *t, const char *name, uint32_t value)
{
	if (!t->err)
		ok(t, fdt_property_u32(t->fdt, name, value));
}

static void u64(struct tree *t, const char *name, uint64_t value)
{
	if (!t->err)
		ok(t, fdt_property_u64(t->fdt, name, value));
}

static void prop(struct tree *t, const char *name, const void *data,
		 unsigned int len)
{
	if (!t->err)
		ok(t, fdt_property(t->fdt, name, data, (int)len));
}

static void cells(struct tree *t, uint32_t address, uint32_t size)
{
	u32(t, "#address-cells", address);
	u32(t, "#size-cells", size);
}

static void reg(struct tree *t, uint64_t gpa, uint64_t len)
{
	fdt64_t v[2] = { cpu_to_fdt64(gpa), cpu_to_fdt64(len) };

	prop(t, "reg", v, sizeof(v));
}

static void cpus(struct tree *t, unsigned int nr)
{
	begin_node(t, "cpus");
	cells(t, 1, 0);
	for (unsigned int i = 0; i < nr; i++) {
		begin_node(t, "cpu@%x", i);
		str(t, "device_type", "cpu");
		u32(t, "reg", i);
		end_node(t);
	}
	end_node(t);
}

static void memory(struct tree *t, const struct memory *m)
{
	for (unsigned int i = 0; i < m->nr_slots; i++) {
		begin_node(t, "memory@%" PRIx64, m->slots[i].gpa);
		str(t, "device_type", "memory");
		reg(t, m->slots[i].gpa, m->slots[i].size);
		u32(t, "gpcvm,slot", i);
		if (m->mode == MEM_GMEM_PRIVATE &&
		    m->slots[i].file != MEM_NO_FILE)
			prop(t, "gpcvm,private", NULL, 0);
		end_node(t);
	}
}

static void reserved(struct tree *t, const char *name, const struct span *s)
{
	char compatible[64];

	snprintf(compatible, sizeof(compatible), "gpcvm,%s", name);
	begin_node(t, "%s@%" PRIx64, name, s->gpa);
	str(t, "compatible", compatible);
	reg(t, s->gpa, s->len);
	end_node(t);
}

static void reserved_memory(struct tree *t, const struct layout *l)
{
	/* With the tree itself, which follows it. */
	struct span image = { l->image.gpa,
			      l->fdt.gpa + l->fdt.len - l->image.gpa };

	begin_node(t, "reserved-memory");
	cells(t, 2, 2);
	prop(t, "ranges", NULL, 0);
	reserved(t, "shared-window", &l->window);
	reserved(t, "image", &image);
	reserved(t, "page-tables", &l->tables);
	reserved(t, "vcpu-areas", &l->areas);
	end_node(t);
}

static void device_nodes(struct tree *t, const struct device_ports *row)
{
	const struct device_ports *end = row + DEVICE_PORTS;

	while (row < end && row->node) {
		const struct device_ports *first = row;
		fdt32_t v[2 * DEVICE_PORTS];
		unsigned int n = 0;

		do {
			v[n++] = cpu_to_fdt32(row->port);
			v[n++] = cpu_to_fdt32(row->count);
		} while (++row < end && row->count && !row->node);
		begin_node(t, "%s@%x", first->node, first->port);
		str(t, "compatible", first->compatible);
		prop(t, "reg", v, n * sizeof(*v));
		end_node(t);
	}
}

static void ports(struct tree *t, const struct device *const *devices,
		  enum board_kind board)
{
	begin_node(t, "ports"); /* not in memory: hence no "ranges" */
	cells(t, 1, 1);
	for (; *devices; devices++)
		if ((*devices)->boards & board)
			device_nodes(t, (*devices)->ports);
	end_node(t);
}

static void pv_pages(struct tree *t, const struct pv_vm *pv)
{
	begin_node(t, "pv");
	cells(t, 2, 2);
	/* Pages that the guest places have no gpa yet. */
	for (unsigned int i = 0; i < pv->nr && !pv->guests; i++) {
		const struct pv_page *p = &pv->pages[i];

		begin_node(t, "%s@%" PRIx64, p->kind->name, p->gpa);
		str(t, "compatible", p->kind->compatible);
		reg(t, p->gpa, p->kind->size);
		if (!p->kind->per_vm)
			u32(t, "gpcvm,vcpu", p->vcpu);
		if (p->kind->msr)
			u32(t, "gpcvm,msr", p->kind->msr);
		str(t, "label", p->name);
		end_node(t);
	}
	end_node(t);
}

static void root(struct tree *t, const struct devtree *m)
{
	char args[64];

	snprintf(args, sizeof(args), "guest=%s", m->cfg->guest);
	begin_node(t, "%s", "");
	str(t, "compatible", "gpcvm,machine");
	str(t, "model", "gpcvm " GPCVM_VERSION);
	cells(t, 2, 2);
	begin_node(t, "chosen");
	str(t, "bootargs", m->cfg->kernel ? m->append ?: "" : args);
	str(t, "stdout-path", "/ports/serial@3f8");
	if (m->initrd.len) {
		u64(t, "linux,initrd-start", m->initrd.gpa);
		u64(t, "linux,initrd-end", m->initrd.gpa + m->initrd.len);
	}
	end_node(t);
	cpus(t, m->cfg->vcpus);
	memory(t, m->memory);
	if (!m->cfg->kernel) /* a kernel has all of it */
		reserved_memory(t, m->layout);
	ports(t, m->devices, m->cfg->kernel ? BOARD_PC : BOARD_TINY);
	pv_pages(t, m->pv);
	end_node(t);
}

void *devtree_build(const struct devtree *m, size_t *len, struct err *e)
{
	size_t cap = m->layout->fdt.len;
	struct tree t = { .fdt = calloc(1, cap) };

	if (!t.fdt) {
		err_os(e, ENOMEM, "memory for the device tree");
		return NULL;
	}
	ok(&t, fdt_create(t.fdt, (int)cap));
	if (!t.err)
		ok(&t, fdt_finish_reservemap(t.fdt));
	root(&t, m);
	if (!t.err)
		ok(&t, fdt_finish(t.fdt));
	if (t.err) {
		err_state(e, "the device tree cannot be built in %zu bytes: %s",
			  cap, fdt_strerror(t.err));
		free(t.fdt);
		return NULL;
	}
	*len = fdt_totalsize(t.fdt);
	return t.fdt;
}
