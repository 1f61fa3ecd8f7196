// SPDX-License-Identifier: GPL-2.0-only
/* What the arguments of requests have in common. */
#include <inttypes.h>
#include <string.h>

#include "commands.h"
#include "num.h"

int request_vcpu(struct request *rq, int i, unsigned int *out)
{
	uint64_t n;

	if (num_parse(rq->argv[i], "the vCPU", &n, &rq->err))
		return -1;
	if (n >= rq->m->nr_vcpus)
		return err_range(&rq->err,
				 "no vCPU %" PRIu64 ": there are vCPUs 0 to %u",
				 n, rq->m->nr_vcpus - 1);
	*out = (unsigned int)n;
	return 0;
}

struct pv_page *request_page(struct request *rq, int i)
{
	struct pv_page *p = pv_find(&rq->m->pv, rq->argv[i]);

	if (!p)
		err_range(&rq->err, "no pv page '%.64s': gpc lists them",
			  rq->argv[i]);
	return p;
}

int request_gpa(struct request *rq, int i, uint64_t *gpa, struct pv_page **page)
{
	const char *word = rq->argv[i];

	*page = NULL;
	if (word[0] >= '0' && word[0] <= '9')
		return num_parse(word, "the gpa", gpa, &rq->err);
	*page = pv_find(&rq->m->pv, word);
	if (!*page)
		return err_range(
			&rq->err,
			"'%.64s' is neither a gpa nor the name of a pv page "
			"(gpc lists them)",
			word);
	*gpa = __atomic_load_n(&(*page)->gpa, __ATOMIC_ACQUIRE);
	return 0;
}

int request_pages(struct request *rq, int i, uint64_t *gpa, uint64_t *len)
{
	struct pv_page *page;

	*len = PAGE_SIZE;
	if (request_gpa(rq, i, gpa, &page))
		return -1;
	if (page)
		*len = pv_span(page, gpa);
	if (i + 1 < rq->argc &&
	    num_parse(rq->argv[i + 1], "the length", len, &rq->err))
		return -1;
	return memory_check(&rq->m->memory, *gpa, *len, PAGE_SIZE, &rq->err);
}
