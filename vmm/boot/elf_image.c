// SPDX-License-Identifier: GPL-2.0-only
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "boot/elf_image.h"

/* What matters of both forms. */
struct elf_header {
	uint64_t entry, phoff;
	unsigned int phnum, phentsize, machine, type;
};

struct segment {
	uint32_t type;
	uint64_t offset, gpa, filesz, memsz;
};

int elf_bits(const struct bytes *image)
{
	if (image->len < EI_NIDENT || memcmp(image->data, ELFMAG, SELFMAG) != 0)
		return 0;
	return image->data[EI_CLASS] == ELFCLASS64 ? 64 : 32;
}

static int read_header(const struct bytes *im, int bits, struct elf_header *h,
		       struct err *e)
{
	Elf32_Ehdr a;
	Elf64_Ehdr b;
	size_t len = bits == 64 ? sizeof(b) : sizeof(a);
	const void *p = bytes_at(im, 0, len, "the ELF header", e);

	if (!p)
		return -1;
	if (bits == 64) {
		memcpy(&b, p, sizeof(b));
		*h =
			(struct elf_header){ b.e_entry,	  b.e_phoff,
					     b.e_phnum,	  b.e_phentsize,
					     b.e_machine, b.e_type };
	} else {
		memcpy(&a, p, sizeof(a));
		*h =
			(struct elf_header){ a.e_entry,	  a.e_phoff,
					     a.e_phnum,	  a.e_phentsize,
					     a.e_machine, a.e_type };
	}
	return 0;
}

static int check_elf(const struct bytes *im, int bits,
		     const struct elf_header *h, struct err *e)
{
	unsigned int machine = bits == 64 ? EM_X86_64 : EM_386;
	size_t size = bits == 64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (im->data[EI_DATA] != ELFDATA2LSB || h->machine != machine)
		return err_unsupported(e,
				       "%s: an ELF file for machine %u, not "
				       "for %s (%u)",
				       im->name, h->machine,
				       bits == 64 ? "x86-64" : "i386", machine);
	if (h->type != ET_EXEC)
		return err_unsupported(e,
				       "%s: an ELF file of type %u: only one "
				       "that is linked to its addresses "
				       "(ET_EXEC, 2) can be loaded",
				       im->name, h->type);
	if (!h->phnum || h->phentsize != size)
		return err_range(e,
				 "%s: %u ELF program headers of %u bytes: at "
				 "least one, of %zu",
				 im->name, h->phnum, h->phentsize, size);
	return 0;
}

static int read_segment(const struct bytes *im, int bits,
			const struct elf_header *h, unsigned int i,
			struct segment *s, struct err *e)
{
	Elf32_Phdr a;
	Elf64_Phdr b;
	char what[40];
	const void *p;

	snprintf(what, sizeof(what), "program header %u", i);
	/* phoff may be anything; the product fits 32 bits. */
	if (h->phoff > im->len)
		return err_range(e,
				 "%s: cut off: the program headers are at "
				 "offset 0x%" PRIx64 ", and the file has "
				 "%" PRIu64 " bytes",
				 im->name, h->phoff, im->len);
	p = bytes_at(im, h->phoff + (uint64_t)i * h->phentsize, h->phentsize,
		     what, e);
	if (!p)
		return -1;
	if (bits == 64) {
		memcpy(&b, p, sizeof(b));
		*s = (struct segment){ b.p_type, b.p_offset, b.p_paddr,
				       b.p_filesz, b.p_memsz };
	} else {
		memcpy(&a, p, sizeof(a));
		*s = (struct segment){ a.p_type, a.p_offset, a.p_paddr,
				       a.p_filesz, a.p_memsz };
	}
	return 0;
}

static int put_segment(struct boot *b, const struct segment *s, unsigned int i,
		       struct err *e)
{
	struct boot_piece p = { .gpa = s->gpa,
				.size = s->memsz,
				.len = s->filesz };

	snprintf(p.what, sizeof(p.what), "segment %u", i);
	if (s->filesz > s->memsz)
		return err_range(e,
				 "%s: %s has 0x%" PRIx64 " bytes in the file "
				 "and 0x%" PRIx64 " in memory",
				 b->kernel.name, p.what, s->filesz, s->memsz);
	p.data = bytes_at(&b->kernel, s->offset, s->filesz, p.what, e);
	return p.data ? boot_put(b, &p, e) : -1;
}

static int open_image(const struct bytes *im, int bits, struct elf_header *h,
		      struct err *e)
{
	if (elf_bits(im) != bits)
		return err_unsupported(e, "%s: not a %d-bit ELF file", im->name,
				       bits);
	return read_header(im, bits, h, e) || check_elf(im, bits, h, e) ? -1
									: 0;
}

static int put_segments(struct boot *b, int bits, const struct elf_header *h,
			struct err *e)
{
	struct segment s;

	for (unsigned int i = 0; i < h->phnum; i++) {
		if (read_segment(&b->kernel, bits, h, i, &s, e))
			return -1;
		if (s.type == PT_LOAD && s.memsz && put_segment(b, &s, i, e))
			return -1;
	}
	return 0;
}

int elf_put_segments(struct boot *b, int bits, struct err *e)
{
	struct elf_header h;

	return open_image(&b->kernel, bits, &h, e) ||
			       put_segments(b, bits, &h, e)
		       ? -1
		       : 0;
}

int elf_put(struct boot *b, int bits, uint64_t *entry, struct err *e)
{
	struct elf_header h;

	if (open_image(&b->kernel, bits, &h, e) || put_segments(b, bits, &h, e))
		return -1;
	if (!boot_covers(b, h.entry))
		return err_range(e,
				 "%s: the entry 0x%" PRIx64 " is in no "
				 "segment: it has to be a physical address",
				 b->kernel.name, h.entry);
	*entry = h.entry;
	return 0;
}

/* ---- notes -------------------------------------------------------------- */

/* Of @s, whose bytes are all there: name and data, each padded to 4. What does
 * not fit ends the search, as it does for binutils. */
static int look_at_notes(const uint8_t *p, uint64_t len, const char *name,
			 uint32_t type, struct elf_note *note)
{
	Elf64_Nhdr n;

	while (len >= sizeof(n)) {
		uint64_t name_len, data_len;

		memcpy(&n, p, sizeof(n));
		name_len = align_up(n.n_namesz, 4);
		data_len = align_up(n.n_descsz, 4);
		p += sizeof(n);
		len -= sizeof(n);
		if (name_len > len || n.n_descsz > len - name_len)
			break;
		if (n.n_type == type && n.n_namesz == strlen(name) + 1 &&
		    !memcmp(p, name, n.n_namesz)) {
			*note = (struct elf_note){ p + name_len, n.n_descsz };
			return 1;
		}
		if (data_len > len - name_len)
			break;
		p += name_len + data_len;
		len -= name_len + data_len;
	}
	return 0;
}

int elf_find_note(const struct bytes *im, const char *name, uint32_t type,
		  struct elf_note *note, struct err *e)
{
	struct elf_header h;
	struct segment s;
	const void *p;

	if (open_image(im, 64, &h, e))
		return -1;
	for (unsigned int i = 0; i < h.phnum; i++) {
		if (read_segment(im, 64, &h, i, &s, e))
			return -1;
		if (s.type != PT_NOTE)
			continue;
		p = bytes_at(im, s.offset, s.filesz, "the notes", e);
		if (!p)
			return -1;
		if (look_at_notes(p, s.filesz, name, type, note))
			return 1;
	}
	return 0;
}
