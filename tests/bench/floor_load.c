// SPDX-License-Identifier: GPL-2.0-only
/* The guest's image and its device tree. */
#include <elf.h>
#include <fcntl.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "floor.h"

#define FDT_ROOM (2048 + FLOOR_MAX_VCPUS * 512)

static void pair(void *fdt, const char *name, uint64_t base, uint64_t size)
{
	fdt64_t cells[2] = { cpu_to_fdt64(base), cpu_to_fdt64(size) };

	fdt_property(fdt, name, cells, sizeof(cells));
}

static void range_node(void *fdt, const char *name, const char *compatible,
		       uint64_t base, uint64_t size)
{
	fdt_begin_node(fdt, name);
	fdt_property_string(fdt, "compatible", compatible);
	pair(fdt, "reg", base, size);
}

static void cells(void *fdt)
{
	fdt_property_u32(fdt, "#address-cells", 2);
	fdt_property_u32(fdt, "#size-cells", 2);
}

static void put_root(const struct floor *f, void *fdt)
{
	char args[64] = "guest=";

	strncat(args, f->o.guest, sizeof(args) - 7);
	fdt_begin_node(fdt, "");
	cells(fdt);
	fdt_property_string(fdt, "compatible", "gpcvm,floor");
	fdt_property_string(fdt, "model", "floor");
	fdt_begin_node(fdt, "chosen");
	fdt_property_string(fdt, "bootargs", args);
	fdt_end_node(fdt);
	fdt_begin_node(fdt, "memory");
	fdt_property_string(fdt, "device_type", "memory");
	pair(fdt, "reg", 0, f->o.memory);
	fdt_end_node(fdt);
}

static void put_cpus(const struct floor *f, void *fdt)
{
	fdt_begin_node(fdt, "cpus");
	for (unsigned int i = 0; i < f->o.vcpus; i++) {
		char name[16] = { 'c', (char)('0' + i / 100),
				  (char)('0' + i / 10 % 10),
				  (char)('0' + i % 10) };

		fdt_begin_node(fdt, name);
		fdt_property_string(fdt, "device_type", "cpu");
		fdt_property_u32(fdt, "reg", i);
		fdt_end_node(fdt);
	}
	fdt_end_node(fdt);
}

static void put_pv(const struct floor *f, void *fdt)
{
	fdt_begin_node(fdt, "pv");
	cells(fdt);
	for (unsigned int i = 0; i < f->o.vcpus; i++) {
		range_node(fdt, "c", "gpcvm,kvm-clock", f->clock + i * PAGE,
			   PAGE);
		fdt_property_u32(fdt, "gpcvm,vcpu", i);
		fdt_property_u32(fdt, "gpcvm,msr", MSR_KVM_SYSTEM_TIME_NEW);
		fdt_end_node(fdt);
		range_node(fdt, "s", "gpcvm,kvm-steal-time",
			   f->steal + i * PAGE, PAGE);
		fdt_property_u32(fdt, "gpcvm,vcpu", i);
		fdt_property_u32(fdt, "gpcvm,msr", MSR_KVM_STEAL_TIME);
		fdt_end_node(fdt);
	}
	fdt_end_node(fdt);
}

static void put_fdt(const struct floor *f, void *fdt)
{
	fdt_create(fdt, FDT_ROOM);
	fdt_finish_reservemap(fdt);
	put_root(f, fdt);
	put_cpus(f, fdt);
	fdt_begin_node(fdt, "reserved-memory");
	cells(fdt);
	range_node(fdt, "page-tables", "gpcvm,page-tables", f->pool,
		   f->pool_size);
	fdt_end_node(fdt);
	range_node(fdt, "vcpu-areas", "gpcvm,vcpu-areas", f->areas,
		   (uint64_t)f->o.vcpus * VCPU_AREA_SIZE);
	fdt_end_node(fdt);
	fdt_end_node(fdt);
	fdt_begin_node(fdt, "serial");
	fdt_property_string(fdt, "compatible", "ns16550a");
	fdt_end_node(fdt);
	put_pv(f, fdt);
	fdt_end_node(fdt);
	if (fdt_finish(fdt))
		die("device tree: does not fit in bytes", FDT_ROOM);
}

/* What goes where: straight, or by way of the window and the loader's list. */
struct placer {
	struct floor *f;
	uint32_t *list; /* NULL: straight */
	uint64_t next;	/* free in the window */
};

static void place(struct placer *p, uint64_t gpa, const void *from,
		  uint64_t bytes)
{
	char *mem = p->f->mem;
	uint32_t *row;

	if (!mem || gpa + bytes > p->f->o.memory)
		die("guest memory is too small for address", gpa);
	if (!p->list || gpa < WINDOW_BASE + WINDOW_SIZE) {
		if (from)
			memcpy(mem + gpa, from, bytes);
		return;
	}
	row = &p->list[2 + 3 * p->list[1]++];
	row[0] = (uint32_t)gpa;
	row[1] = from ? (uint32_t)p->next : 0;
	row[2] = (uint32_t)bytes;
	if (!from)
		return;
	if (p->next + bytes > WINDOW_BASE + WINDOW_SIZE)
		die("the window is too small, bytes", bytes);
	memcpy(mem + p->next, from, bytes);
	p->next += (bytes + 15) & ~15ULL;
}

static uint64_t place_image(struct placer *p, const char *elf, uint64_t size)
{
	const Elf64_Ehdr *eh = (const void *)elf;
	const Elf64_Phdr *ph = (const void *)(elf + eh->e_phoff);
	uint64_t end = 0;

	if (size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 ||
	    size < eh->e_phoff + eh->e_phnum * sizeof(*ph))
		die("not an ELF file, bytes", size);
	for (int i = 0; i < eh->e_phnum; i++, ph++) {
		uint64_t e = ph->p_paddr + ph->p_memsz;

		if (ph->p_type != PT_LOAD)
			continue;
		place(p, ph->p_paddr, elf + ph->p_offset, ph->p_filesz);
		if (ph->p_memsz > ph->p_filesz)
			place(p, ph->p_paddr + ph->p_filesz, NULL,
			      ph->p_memsz - ph->p_filesz);
		end = e > end ? e : end;
	}
	p->f->entry = (uint32_t)eh->e_entry;
	return (end + PAGE - 1) & ~(PAGE - 1);
}

static const char *map_file(const char *path, uint64_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st) < 0 || !st.st_size)
		die(path, 0);
	*size = (uint64_t)st.st_size;
	p = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die(path, *size);
	return p;
}

void floor_load(struct floor *f)
{
	struct placer p = { .f = f, .next = WINDOW_BASE + 2 * PAGE };
	uint64_t size, n = f->o.vcpus;
	const char *elf = map_file(f->o.image, &size);
	char *fdt = malloc(FDT_ROOM);

	if (!fdt)
		die("out of memory, bytes:", FDT_ROOM);
	if (f->o.loader)
		p.list = (void *)(f->mem + WINDOW_BASE + PAGE);
	f->fdt = place_image(&p, elf, size);
	f->pool_size = ((f->o.memory >> 30) + 4) * PAGE;
	/* The tree's size does not depend on the numbers in it. */
	put_fdt(f, fdt);
	f->fdt_size = fdt_totalsize(fdt);
	f->pool = (f->fdt + f->fdt_size + PAGE - 1) & ~(PAGE - 1);
	f->areas = f->pool + f->pool_size;
	f->clock = f->areas + n * VCPU_AREA_SIZE;
	f->steal = f->clock + n * PAGE;
	f->spare = f->steal + n * PAGE;
	put_fdt(f, fdt);
	place(&p, f->fdt, fdt, f->fdt_size);
	f->esi = (uint32_t)f->fdt;
	if (p.list) {
		p.list[0] = f->entry;
		f->entry = LOADER_BASE;
		f->edi = WINDOW_BASE + PAGE;
	}
	if (f->spare + 4 * PAGE > f->o.memory)
		die("guest memory is too small, bytes needed:",
		    f->spare + 4 * PAGE);
	free(fdt);
	munmap((void *)elf, size);
}
