// SPDX-License-Identifier: GPL-2.0-only
#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "guest/doorbell.h"
#include "guest/image.h"
#include "machine/image.h"

#define LIST_MAX 8

/* The copy list; see guest/doorbell.h. */
struct copy_list {
	uint32_t entry, count;
	struct {
		uint32_t to, from, len;
	} row[LIST_MAX];
};

static const Elf64_Phdr *segment(const struct image *im, unsigned int i)
{
	const Elf64_Ehdr *h = (const void *)im->elf;

	return i < h->e_phnum ? (const Elf64_Phdr *)(im->elf + h->e_phoff) + i
			      : NULL;
}

/* The loader's own segment lies in the window, everything else above it. */
static bool is_loader(const Elf64_Phdr *p)
{
	return p->p_paddr < IMAGE_BASE;
}

int image_open(struct image *im, struct err *e)
{
	const Elf64_Ehdr *h = (const void *)guest_image_start;
	const Elf64_Phdr *p;

	*im = (struct image){
		.elf = (const uint8_t *)guest_image_start,
		.len = (size_t)(guest_image_end - guest_image_start),
	};
	if (im->len < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG) ||
	    h->e_machine != EM_X86_64 ||
	    h->e_phoff + h->e_phnum * sizeof(*p) > im->len)
		return err_state(e, "the built-in guest is no x86-64 ELF file");
	im->entry = (uint32_t)h->e_entry;
	for (unsigned int i = 0; (p = segment(im, i)); i++) {
		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_offset + p->p_filesz > im->len)
			return err_state(
				e,
				"segment %u of the built-in guest is cut off",
				i);
		if (p->p_paddr + p->p_memsz > im->end)
			im->end = p->p_paddr + p->p_memsz;
	}
	return 0;
}

/* Bytes @len at @from, to be copied to @to by the loader: staged at *at. */
static int stage(struct memory *mem, struct copy_list *list, uint64_t *at,
		 uint64_t to, const void *from, uint64_t len, struct err *e)
{
	unsigned int n = list->count;

	if (!len)
		return 0;
	if (n == LIST_MAX || *at + len > WINDOW_BASE + WINDOW_SIZE)
		return err_range(
			e,
			"the image and a device tree of this size do not fit "
			"the window of %u KiB: use fewer vCPUs or slots",
			WINDOW_SIZE / 1024);
	if (from && memory_load(mem, *at, from, len, e))
		return -1;
	list->row[n].to = (uint32_t)to;
	list->row[n].from = from ? (uint32_t)*at : 0;
	list->row[n].len = (uint32_t)len;
	list->count++;
	if (from)
		*at = align_up(*at + len, 16);
	return 0;
}

static int load_bounce(const struct image *im, struct memory *mem,
		       const struct layout *l, const void *fdt, size_t fdt_len,
		       uint32_t *list_at, struct err *e)
{
	struct copy_list list = { .entry = im->entry };
	uint64_t at = LOADER_BASE + PAGE_SIZE;
	const Elf64_Phdr *p;

	*list_at = (uint32_t)at;
	at += align_up(sizeof(list), 16);
	for (unsigned int i = 0; (p = segment(im, i)); i++) {
		if (p->p_type != PT_LOAD || is_loader(p))
			continue;
		if (stage(mem, &list, &at, p->p_paddr, im->elf + p->p_offset,
			  p->p_filesz, e) ||
		    stage(mem, &list, &at, p->p_paddr + p->p_filesz, NULL,
			  p->p_memsz - p->p_filesz, e))
			return -1;
	}
	if (stage(mem, &list, &at, l->fdt.gpa, fdt, fdt_len, e))
		return -1;
	return memory_load(mem, *list_at, &list, sizeof(list), e);
}

int image_load_loader(const struct image *im, struct memory *mem, struct err *e)
{
	const Elf64_Phdr *p;

	for (unsigned int i = 0; (p = segment(im, i)); i++)
		if (p->p_type == PT_LOAD && is_loader(p) &&
		    memory_load(mem, p->p_paddr, im->elf + p->p_offset,
				p->p_filesz, e))
			return -1;
	return 0;
}

int image_load(const struct image *im, struct memory *mem,
	       const struct layout *l, const void *fdt, size_t fdt_len,
	       bool bounce, uint32_t *start, uint32_t *list, struct err *e)
{
	const Elf64_Phdr *p;

	*start = bounce ? LOADER_BASE : im->entry;
	*list = 0;
	for (unsigned int i = 0; (p = segment(im, i)); i++) {
		if (p->p_type != PT_LOAD)
			continue;
		/*
		 * Where memory is private this reaches the shared alias only.
		 * It is needed there all the same: a KVM without next-RIP
		 * decodes the instruction at an exit, and reads the alias
		 * when it cannot read private memory. With @bounce in another
		 * mode the guest is to be copied by the loader alone.
		 */
		if (is_loader(p) || !bounce || mem->mode == MEM_GMEM_PRIVATE)
			if (memory_load(mem, p->p_paddr, im->elf + p->p_offset,
					p->p_filesz, e))
				return -1;
	}
	if (bounce)
		return load_bounce(im, mem, l, fdt, fdt_len, list, e);
	return memory_load(mem, l->fdt.gpa, fdt, fdt_len, e);
}
