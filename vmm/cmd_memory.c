// SPDX-License-Identifier: GPL-2.0-only
/* What is done to memory: punch, allocate, attr, prefault, poison, slot, mem. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "commands.h"
#include "kvm.h"
#include "num.h"

#define PEEK_MAX 4096

static void range_json(struct request *rq, uint64_t gpa, uint64_t len)
{
	json_hex(&rq->reply, "gpa", gpa);
	json_hex(&rq->reply, "len", len);
}

int cmd_punch(struct request *rq)
{
	struct machine *m = rq->m;
	uint64_t gpa, len;

	if (request_pages(rq, 0, &gpa, &len) ||
	    machine_guard(m, gpa, len, &rq->err) ||
	    memory_punch(&m->memory, gpa, len, &rq->err))
		return -1;
	pv_invalidate(&m->pv, gpa, len, false);
	range_json(rq, gpa, len);
	return 0;
}

int cmd_allocate(struct request *rq)
{
	uint64_t gpa, len;

	if (request_pages(rq, 0, &gpa, &len) ||
	    memory_allocate(&rq->m->memory, gpa, len, &rq->err))
		return -1;
	range_json(rq, gpa, len);
	return 0;
}

static int parse_attr(struct request *rq, const char *word, bool *private)
{
	*private = !strcmp(word, "private");
	if (*private || !strcmp(word, "shared"))
		return 0;
	return err_usage(&rq->err, "attribute '%.32s': private or shared",
			 word);
}

int cmd_attr(struct request *rq)
{
	struct machine *m = rq->m;
	uint64_t gpa, len;
	bool private;

	if (parse_attr(rq, rq->argv[rq->argc - 1], &private))
		return -1;
	rq->argc--; /* what is left is GPA [LEN] */
	if (request_pages(rq, 0, &gpa, &len) ||
	    machine_guard(m, gpa, len, &rq->err) ||
	    memory_set_private(&m->memory, gpa, len, private, &rq->err))
		return -1;
	pv_invalidate(&m->pv, gpa, len, false);
	range_json(rq, gpa, len);
	json_str(&rq->reply, "attribute", private ? "private" : "shared");
	return 0;
}

static int prefault(struct request *rq, struct vcpu *v)
{
	uint64_t gpa = rq->arg[0], len = rq->arg[1];

	/* The kernel does a part at a time and says how far it came. */
	while (len) {
		int r = kvm_pre_fault_memory(v->fd, &gpa, &len);

		if (r < 0 && r != -EINTR && r != -EAGAIN)
			return err_kvm(&rq->err, -r,
				       "KVM_PRE_FAULT_MEMORY at gpa 0x%" PRIx64,
				       gpa);
		if (__atomic_load_n(&rq->job.cancelled, __ATOMIC_ACQUIRE) ||
		    __atomic_load_n(&v->stop, __ATOMIC_ACQUIRE))
			return err_state(&rq->err, "given up at gpa 0x%" PRIx64,
					 gpa);
	}
	range_json(rq, rq->arg[0], rq->arg[1]);
	return 0;
}

int cmd_prefault(struct request *rq)
{
	unsigned int vcpu;

	if (request_vcpu(rq, 0, &vcpu) ||
	    request_pages(rq, 1, &rq->arg[0], &rq->arg[1]))
		return -1;
	if (kvm_check_extension(rq->m->vm, GPC_CAP_PRE_FAULT_MEMORY) <= 0)
		return err_unsupported(
			&rq->err,
			"this kernel has no KVM_PRE_FAULT_MEMORY for "
			"this VM (KVM_CAP_PRE_FAULT_MEMORY is 0; Linux 6.12 has "
			"it where KVM uses two-dimensional paging)");
	return request_on_vcpu(rq, vcpu, JOB_HOST, prefault, NULL);
}

int cmd_poison(struct request *rq)
{
	struct machine *m = rq->m;
	uint64_t gpa, len;

	if (request_pages(rq, 0, &gpa, &len) ||
	    machine_guard(m, gpa, len, &rq->err) ||
	    memory_poison(&m->memory, gpa, &rq->err))
		return -1;
	pv_invalidate(&m->pv, gpa, len, false);
	range_json(rq, gpa, len);
	return 0;
}

/* The slot that argument 1 names, if it has nothing of the guest's own. */
static int find_slot(struct request *rq, unsigned int *id, uint64_t *gpa,
		     uint64_t *size)
{
	struct memory *mem = &rq->m->memory;
	uint64_t n;

	if (num_parse(rq->argv[1], "the slot", &n, &rq->err))
		return -1;
	if (n >= mem->nr_slots)
		return err_range(&rq->err,
				 "no slot %" PRIu64 ": there are slots 0 to %u",
				 n, mem->nr_slots - 1);
	*id = (unsigned int)n;
	pthread_rwlock_rdlock(&mem->lock);
	*gpa = mem->slots[n].gpa;
	*size = mem->slots[n].size;
	pthread_rwlock_unlock(&mem->lock);
	return machine_guard(rq->m, *gpa, *size, &rq->err);
}

int cmd_slot(struct request *rq)
{
	struct machine *m = rq->m;
	const char *what = rq->argv[0];
	bool move = !strcmp(what, "move");
	uint64_t gpa, size, to = 0;
	unsigned int id;
	int r;

	if (!move && strcmp(what, "delete") && strcmp(what, "restore"))
		return err_usage(&rq->err,
				 "slot %.32s: delete, restore or move", what);
	if (rq->argc != (move ? 3 : 2))
		return err_usage(&rq->err, "slot %s SLOT%s", what,
				 move ? " GPA" : "");
	if (find_slot(rq, &id, &gpa, &size) ||
	    (move && num_parse(rq->argv[2], "the gpa", &to, &rq->err)))
		return -1;
	if (move)
		r = memory_slot_move(&m->memory, id, to, &rq->err);
	else if (what[0] == 'd')
		r = memory_slot_delete(&m->memory, id, &rq->err);
	else
		r = memory_slot_restore(&m->memory, id, &rq->err);
	if (r)
		return -1;
	pv_invalidate(&m->pv, gpa, size, true);
	json_num(&rq->reply, "slot", id);
	json_hex(&rq->reply, "gpa", m->memory.slots[id].gpa);
	json_hex(&rq->reply, "size", size);
	json_bool(&rq->reply, "present", m->memory.slots[id].present);
	return 0;
}

int cmd_mem(struct request *rq)
{
	struct machine *m = rq->m;
	uint8_t buf[PEEK_MAX];
	uint64_t gpa, len = 64, resident;
	struct pv_page *page;

	if (request_gpa(rq, 0, &gpa, &page))
		return -1;
	if (page)
		len = page->kind->size;
	if (rq->argc > 1 && num_parse_range(rq->argv[1], "the length", 1,
					    PEEK_MAX, &len, &rq->err))
		return -1;
	if (memory_peek(&m->memory, gpa, buf, len, &resident, &rq->err))
		return -1;
	range_json(rq, gpa, len);
	json_str(&rq->reply, "sees",
		 m->memory.mode == MEM_GMEM_PRIVATE ? "the shared alias"
						    : "the guest's memory");
	json_num(&rq->reply, "resident", resident);
	json_bytes(&rq->reply, "data", buf, len);
	return 0;
}
