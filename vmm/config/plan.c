// SPDX-License-Identifier: GPL-2.0-only
/* Parses --slot, and checks slots before KVM sees them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "config/plan.h"

static int parse_option(const char *opt, struct mem_slot_plan *out,
			struct err *e)
{
	uint64_t v;

	if (!strcmp(opt, "shared")) {
		out->shared = true;
		return 0;
	}
	if (!strcmp(opt, "file=none")) {
		out->file = MEM_NO_FILE;
		return 0;
	}
	if (!strncmp(opt, "file=", 5)) {
		if (num_parse_range(opt + 5, "the file of a slot", 0,
				    MEM_MAX_FILES - 1, &v, e))
			return -1;
		out->file = (unsigned int)v;
		return 0;
	}
	if (!strncmp(opt, "offset=", 7))
		return num_parse(opt + 7, "the offset of a slot", &out->offset,
				 e);
	return err_usage(
		e,
		"option '%s': expected file=N, file=none, offset=N or shared",
		opt);
}

int mem_slot_parse(const char *s, struct mem_slot_plan *out, struct err *e)
{
	char buf[128], *rest = buf, *word;
	int n = 0;

	memset(out, 0, sizeof(*out));
	if (strlen(s) >= sizeof(buf))
		return err_usage(e,
				 "slot '%.40s...' is too long; expected "
				 "GPA,SIZE[,file=N|none][,offset=N][,shared]",
				 s);
	strcpy(buf, s);
	for (; (word = strsep(&rest, ",")); n++) {
		int r;

		if (n == 0)
			r = num_parse(word, "the gpa of a slot", &out->gpa, e);
		else if (n == 1)
			r = num_parse(word, "the size of a slot", &out->size,
				      e);
		else
			r = parse_option(word, out, e);
		if (r)
			return -1;
	}
	if (n < 2)
		return err_usage(
			e,
			"slot '%s': expected GPA,SIZE[,file=N|none][,offset=N][,shared]",
			s);
	if (out->file == MEM_NO_FILE && out->offset)
		return err_usage(e, "slot '%s': offset= needs a file", s);
	return 0;
}

static int check_pair(const struct mem_plan *plan, unsigned int i,
		      unsigned int j, struct err *e)
{
	const struct mem_slot_plan *a = &plan->slots[i], *b = &plan->slots[j];

	if (ranges_overlap(a->gpa, a->size, b->gpa, b->size))
		return err_range(e, "slots %u and %u overlap at gpa 0x%" PRIx64,
				 i, j, a->gpa > b->gpa ? a->gpa : b->gpa);
	/* kvm_gmem_bind(): one binding per page of a file (EEXIST). */
	if (plan->mode != MEM_ANON && a->file == b->file &&
	    a->file != MEM_NO_FILE &&
	    ranges_overlap(a->offset, a->size, b->offset, b->size))
		return err_range(
			e,
			"slots %u and %u overlap in gmem file %u at offset "
			"0x%" PRIx64 ": KVM binds a page of a file once",
			i, j, a->file,
			a->offset > b->offset ? a->offset : b->offset);
	return 0;
}

static int check_one(const struct mem_slot_plan *s, unsigned int i,
		     struct err *e)
{
	if (!s->size)
		return err_range(e, "slot %u has size 0", i);
	if ((s->gpa | s->size | s->offset) & (PAGE_SIZE - 1))
		return err_range(e,
				 "slot %u: gpa 0x%" PRIx64 ", size 0x%" PRIx64
				 " and offset 0x%" PRIx64
				 " must be multiples of 4096",
				 i, s->gpa, s->size, s->offset);
	if (s->gpa + s->size < s->gpa || s->offset + s->size < s->offset)
		return err_range(e,
				 "slot %u: gpa 0x%" PRIx64
				 " or offset 0x%" PRIx64 " plus size 0x%" PRIx64
				 " wraps around",
				 i, s->gpa, s->offset, s->size);
	return 0;
}

int mem_plan_check(const struct mem_plan *plan, struct err *e)
{
	for (unsigned int i = 0; i < plan->nr; i++) {
		if (check_one(&plan->slots[i], i, e))
			return -1;
		for (unsigned int j = 0; j < i; j++)
			if (check_pair(plan, j, i, e))
				return -1;
	}
	return 0;
}
