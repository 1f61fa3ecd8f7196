// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "boot/elf_image.h"

int elf_bits(const struct bytes *image)
{
	if (image->len < EI_NIDENT || memcmp(image->data, ELFMAG, SELFMAG) != 0)
		return 0;
	return image->data[EI_CLASS] == ELFCLASS64 ? 64 : 32;
}

static int read_header(struct elf *f, struct err *e)
{
	Elf32_Ehdr h;
	const void *p = bytes_at(f->image, 0,
				 f->bits == 64 ? sizeof(f->h) : sizeof(h),
				 "the ELF header", e);

	if (!p)
		return -1;
	if (f->bits == 64) {
		memcpy(&f->h, p, sizeof(f->h));
		return 0;
	}
	memcpy(&h, p, sizeof(h));
	f->h = (Elf64_Ehdr){ .e_type = h.e_type,
			     .e_machine = h.e_machine,
			     .e_entry = h.e_entry,
			     .e_phoff = h.e_phoff,
			     .e_phentsize = h.e_phentsize,
			     .e_phnum = h.e_phnum };
	return 0;
}

int elf_open(struct elf *f, const struct bytes *image, int bits, struct err *e)
{
	const unsigned int machine = bits == 64 ? EM_X86_64 : EM_386;
	const size_t size = bits == 64 ? sizeof(Elf64_Phdr)
				       : sizeof(Elf32_Phdr);

	*f = (struct elf){ .image = image, .bits = bits };
	if (elf_bits(image) != bits)
		return err_unsupported(e, "%s: not a %d-bit ELF file",
				       image->name, bits);
	if (read_header(f, e))
		return -1;
	if (image->data[EI_DATA] != ELFDATA2LSB || f->h.e_machine != machine)
		return err_unsupported(e,
				       "%s: an ELF file for machine %u; "
				       "expected %s (%u)",
				       image->name, f->h.e_machine,
				       bits == 64 ? "x86-64" : "i386", machine);
	if (!f->h.e_phnum || f->h.e_phentsize != size)
		return err_range(e,
				 "%s: %u ELF program headers of %u bytes; "
				 "expected at least one, of %zu bytes",
				 image->name, f->h.e_phnum, f->h.e_phentsize,
				 size);
	return 0;
}

int elf_segment(const struct elf *f, unsigned int i, Elf64_Phdr *s,
		struct err *e)
{
	Elf32_Phdr h;
	char what[40];
	const void *p;

	snprintf(what, sizeof(what), "program header %u", i);
	/* e_phoff may be anything; the product fits 32 bits. */
	if (f->h.e_phoff > f->image->len)
		return err_range(e,
				 "%s: truncated: the program headers are at "
				 "offset 0x%" PRIx64 ", and the file has "
				 "%" PRIu64 " bytes",
				 f->image->name, f->h.e_phoff, f->image->len);
	p = bytes_at(f->image, f->h.e_phoff + (uint64_t)i * f->h.e_phentsize,
		     f->h.e_phentsize, what, e);
	if (!p)
		return -1;
	if (f->bits == 64) {
		memcpy(s, p, sizeof(*s));
		return 0;
	}
	memcpy(&h, p, sizeof(h));
	*s = (Elf64_Phdr){ .p_type = h.p_type,
			   .p_offset = h.p_offset,
			   .p_paddr = h.p_paddr,
			   .p_filesz = h.p_filesz,
			   .p_memsz = h.p_memsz };
	return 0;
}

static int put_segment(struct boot *b, const struct elf *f, const Elf64_Phdr *s,
		       unsigned int i, struct err *e)
{
	struct boot_piece p = { .gpa = s->p_paddr,
				.size = s->p_memsz,
				.len = s->p_filesz,
				.image = true };

	snprintf(p.what, sizeof(p.what), "segment %u", i);
	if (p.len > p.size)
		return err_range(e,
				 "%s: %s has 0x%" PRIx64 " bytes in the file "
				 "and 0x%" PRIx64 " in memory",
				 f->image->name, p.what, p.len, p.size);
	p.data = bytes_at(f->image, s->p_offset, p.len, p.what, e);
	return p.data ? boot_put(b, &p, e) : -1;
}

int elf_put(struct boot *b, const struct elf *f, unsigned int first,
	    struct err *e)
{
	Elf64_Phdr s;

	if (f->h.e_type != ET_EXEC)
		return err_unsupported(e,
				       "%s: an ELF file of type %u; expected "
				       "ET_EXEC (2), linked to its addresses",
				       f->image->name, f->h.e_type);
	for (unsigned int i = first; i < f->h.e_phnum; i++) {
		if (elf_segment(f, i, &s, e))
			return -1;
		if (s.p_type == PT_LOAD && s.p_memsz &&
		    put_segment(b, f, &s, i, e))
			return -1;
	}
	return 0;
}

/* Name and data of a note are each padded to 4 bytes. A length that does not fit
 * ends the search, as in binutils. */
static int find_note(const uint8_t *p, uint64_t len, const char *name,
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

int elf_find_note(const struct elf *f, const char *name, uint32_t type,
		  struct elf_note *note, struct err *e)
{
	Elf64_Phdr s;
	const void *p;

	for (unsigned int i = 0; i < f->h.e_phnum; i++) {
		if (elf_segment(f, i, &s, e))
			return -1;
		if (s.p_type != PT_NOTE)
			continue;
		p = bytes_at(f->image, s.p_offset, s.p_filesz, "the notes", e);
		if (!p)
			return -1;
		if (find_note(p, s.p_filesz, name, type, note))
			return 1;
	}
	return 0;
}
