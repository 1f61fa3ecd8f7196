// SPDX-License-Identifier: GPL-2.0-only
/* Parse arguments that several commands take. */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "control/request.h"

int arg_count(const char *name, const char *args, char *const *words, int nr,
	      int min, int max, struct err *e)
{
	const char *gap = *args ? " " : "";

	if (nr < min)
		return err_usage(e, "missing argument: %s%s%s", name, gap,
				 args);
	if (nr > max)
		return err_usage(e, "unexpected argument '%.32s': %s%s%s",
				 words[max], name, gap, args);
	return 0;
}

int arg_vcpu(struct machine *m, const char *word, unsigned int *out,
	     struct err *e)
{
	uint64_t n;

	if (num_parse(word, "the vCPU", &n, e))
		return -1;
	if (n >= m->nr_vcpus)
		return err_range(e, "no vCPU %" PRIu64 ": expected 0 to %u", n,
				 m->nr_vcpus - 1);
	*out = (unsigned int)n;
	return 0;
}

int arg_any_page(struct machine *m, struct err *e)
{
	if (m->pv.nr)
		return 0;
	return err_unsupported(
		e, "a --kernel guest places its pv pages itself, unknown to "
		   "gpcvm: use --guest agent");
}

struct pv_page *arg_page(struct machine *m, const char *word, struct err *e)
{
	struct pv_page *p = pv_find(&m->pv, word);

	if (arg_any_page(m, e))
		return NULL;

	if (!p)
		err_range(e, "unknown pv page '%.64s': 'gpc' lists all", word);
	return p;
}

int arg_gpa(struct machine *m, const char *word, uint64_t *gpa,
	    struct pv_page **page, struct err *e)
{
	*page = NULL;
	if (word[0] >= '0' && word[0] <= '9')
		return num_parse(word, "the gpa", gpa, e);
	*page = pv_find(&m->pv, word);
	if (!*page)
		return err_range(
			e,
			"'%.64s' is neither a gpa nor the name of a pv page "
			"('gpc' lists all)",
			word);
	*gpa = (*page)->gpa;
	return 0;
}

int arg_pages(struct machine *m, char *const *words, int nr, uint64_t *gpa,
	      uint64_t *len, struct err *e)
{
	struct pv_page *page;

	*len = PAGE_SIZE;
	if (arg_gpa(m, words[0], gpa, &page, e))
		return -1;
	if (page)
		*len = pv_span(page, gpa);
	if (nr > 1 && num_parse(words[1], "the length", len, e))
		return -1;
	return memory_check(&m->memory, *gpa, *len, PAGE_SIZE, e);
}

int arg_attr(const char *word, bool *private, struct err *e)
{
	*private = !strcmp(word, "private");
	if (*private || !strcmp(word, "shared"))
		return 0;
	return err_usage(
		e, "attribute: expected private or shared, got '%.32s'", word);
}

int arg_slot(struct machine *m, const char *word, unsigned int *id,
	     struct mem_slot *now, struct err *e)
{
	struct memory *mem = &m->memory;
	uint64_t n;

	if (num_parse(word, "the slot", &n, e))
		return -1;
	if (n >= mem->nr_slots)
		return err_range(e, "no slot %" PRIu64 ": expected 0 to %u", n,
				 mem->nr_slots - 1);
	*id = (unsigned int)n;
	memory_slot_now(mem, *id, now);
	return machine_guard(m, now->gpa, now->size, e);
}

int request_vcpu(struct request *rq, int i, unsigned int *out)
{
	return arg_vcpu(rq->m, rq->argv[i], out, &rq->err);
}

struct pv_page *request_page(struct request *rq, int i)
{
	return arg_page(rq->m, rq->argv[i], &rq->err);
}

int request_gpa(struct request *rq, int i, uint64_t *gpa, struct pv_page **page)
{
	return arg_gpa(rq->m, rq->argv[i], gpa, page, &rq->err);
}

int request_pages(struct request *rq, int i, uint64_t *gpa, uint64_t *len)
{
	return arg_pages(rq->m, rq->argv + i, rq->argc - i, gpa, len, &rq->err);
}

void reply_help(struct request *rq, const char *name, const char *args,
		const char *help)
{
	json_object(&rq->reply, NULL);
	json_str(&rq->reply, "name", name);
	json_str(&rq->reply, "args", args);
	json_str(&rq->reply, "help", help);
	json_object_end(&rq->reply);
}

void reply_range(struct request *rq, uint64_t gpa, uint64_t len)
{
	json_hex(&rq->reply, "gpa", gpa);
	json_hex(&rq->reply, "len", len);
}
