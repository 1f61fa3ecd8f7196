// SPDX-License-Identifier: GPL-2.0-only
#include "guest/image.h"
#include "machine/image.h"

/* The order of segments in guest/guest.ld. */
enum { LOADER_SEGMENT, FIRST_SEGMENT };

int image_open(struct image *im, struct err *e)
{
	Elf64_Phdr p;

	*im = (struct image){ .bytes = {
				      .name = "the built-in guest",
				      .data = (const uint8_t *)
					      guest_image_start,
				      .len = (uint64_t)(guest_image_end -
							guest_image_start),
			      } };
	if (elf_open(&im->elf, &im->bytes, 64, e))
		return -1;
	for (unsigned int i = FIRST_SEGMENT; i < im->elf.h.e_phnum; i++) {
		if (elf_segment(&im->elf, i, &p, e))
			return -1;
		if (p.p_type == PT_LOAD && p.p_paddr + p.p_memsz > im->end)
			im->end = p.p_paddr + p.p_memsz;
	}
	return 0;
}

int image_put(const struct image *im, struct boot *b, struct err *e)
{
	return elf_put(b, &im->elf, FIRST_SEGMENT, e);
}

int image_load_loader(const struct image *im, struct memory *mem, struct err *e)
{
	const void *data;
	Elf64_Phdr p;

	if (elf_segment(&im->elf, LOADER_SEGMENT, &p, e))
		return -1;
	data = bytes_at(&im->bytes, p.p_offset, p.p_filesz, "the loader", e);
	return data ? memory_load(mem, p.p_paddr, data, p.p_filesz, e) : -1;
}
