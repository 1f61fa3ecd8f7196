// SPDX-License-Identifier: GPL-2.0-only
/* What is done to memory: punch, allocate, attr, prefault, slot, mem. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "commands.h"
#include "kvm.h"
#include "num.h"

#define PEEK_MAX     4096
#define PREFAULT_MAX (2 * MIB)

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

/*
 * One go. Not while a slot changes: before 6.18 KVM_PRE_FAULT_MEMORY tried again
 * for as long as the slot is on its way out, while that waits for it
 * (arch/x86/kvm/mmu/mmu.c, kvm_tdp_map_page; both hold kvm->srcu).
 */
static int prefault_some(struct memory *m, struct vcpu *v, uint64_t *gpa,
			 uint64_t *len)
{
	uint64_t some = *len < PREFAULT_MAX ? *len : PREFAULT_MAX;
	uint64_t left = some;
	int r;

	pthread_rwlock_rdlock(&m->lock);
	r = kvm_pre_fault_memory(v->fd, gpa, &left);
	pthread_rwlock_unlock(&m->lock);
	*len -= some - left;
	/* It signals, and tries again until the signal is there. */
	return vcpu_take_bus(v) ? -EHWPOISON : r;
}

static uint64_t changes(struct memory *m)
{
	return __atomic_load_n(&m->changes, __ATOMIC_ACQUIRE);
}

static int prefault_failed(struct request *rq, uint64_t gpa, int os_errno,
			   uint64_t since)
{
	struct memory *mem = &rq->m->memory;
	char reason[96];

	machine_fault_reason(rq->m, gpa, memory_is_private(mem, gpa), os_errno,
			     reason, sizeof(reason));
	return err_kvm(&rq->err, os_errno,
		       "KVM_PRE_FAULT_MEMORY at gpa 0x%" PRIx64 " (%s)", gpa,
		       changes(mem) == since ? reason
					     : "memory changed meanwhile");
}

static int prefault(struct request *rq, struct vcpu *v)
{
	uint64_t gpa = rq->arg[0], len = rq->arg[1];

	/* The kernel does a part at a time and says how far it came. */
	while (len) {
		uint64_t now = changes(&rq->m->memory);
		int r = prefault_some(&rq->m->memory, v, &gpa, &len);

		if (r < 0 && r != -EINTR && r != -EAGAIN)
			return prefault_failed(rq, gpa, -r, now);
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

static const char *const slot_words[] = { "delete", "restore", "move",
					  "close" };
enum slot_word { SLOT_DELETE, SLOT_RESTORE, SLOT_MOVE, SLOT_CLOSE, SLOT_NONE };

static enum slot_word slot_word(const char *s)
{
	unsigned int w = 0;

	while (w < SLOT_NONE && strcmp(s, slot_words[w]))
		w++;
	return (enum slot_word)w;
}

/* Nothing of the guest's own may be on the file behind slot @id. */
static int guard_file(struct request *rq, unsigned int id)
{
	struct memory *mem = &rq->m->memory;

	for (unsigned int i = 0; i < mem->nr_slots; i++) {
		const struct mem_slot *s = &mem->slots[i];

		if (s->file == mem->slots[id].file &&
		    machine_guard(rq->m, s->gpa, s->size, NULL))
			return err_state(
				&rq->err,
				"slot %u is on gmem file %u, as is slot %u "
				"with the guest's own memory: --slot "
				"GPA,SIZE,file=N gives it another, gpcvm run "
				"--no-guard lets it",
				id, s->file, i);
	}
	return 0;
}

/* Slots only change on this thread; their places are read under the lock. */
static int slot_close(struct request *rq, unsigned int id)
{
	struct machine *m = rq->m;
	struct memory *mem = &m->memory;

	if ((memory_file(mem, &mem->slots[id]) && guard_file(rq, id)) ||
	    memory_slot_close(mem, id, &rq->err))
		return -1;
	json_num(&rq->reply, "file", mem->slots[id].file);
	json_array(&rq->reply, "closed");
	for (unsigned int i = 0; i < mem->nr_slots; i++) {
		if (mem->slots[i].file != mem->slots[id].file)
			continue;
		pv_invalidate(&m->pv, mem->slots[i].gpa, mem->slots[i].size,
			      false);
		json_num(&rq->reply, NULL, i);
	}
	json_array_end(&rq->reply);
	return 0;
}

static int slot_change(struct request *rq, enum slot_word word, unsigned int id,
		       uint64_t to)
{
	struct memory *mem = &rq->m->memory;

	switch (word) {
	case SLOT_DELETE:
		return memory_slot_delete(mem, id, &rq->err);
	case SLOT_RESTORE:
		return memory_slot_restore(mem, id, &rq->err);
	case SLOT_MOVE:
		return memory_slot_move(mem, id, to, &rq->err);
	default:
		return slot_close(rq, id);
	}
}

int cmd_slot(struct request *rq)
{
	struct machine *m = rq->m;
	enum slot_word word = slot_word(rq->argv[0]);
	bool move = word == SLOT_MOVE;
	uint64_t gpa, size, to = 0, before;
	unsigned int id;
	int r;

	if (word == SLOT_NONE)
		return err_usage(&rq->err,
				 "slot %.32s: delete, restore, move or close",
				 rq->argv[0]);
	if (rq->argc != (move ? 3 : 2))
		return err_usage(&rq->err, "slot %s SLOT%s", slot_words[word],
				 move ? " GPA" : "");
	if (find_slot(rq, &id, &gpa, &size) ||
	    (move && num_parse(rq->argv[2], "the gpa", &to, &rq->err)))
		return -1;
	before = m->memory.generation;
	r = slot_change(rq, word, id, to);
	/* A change that failed half way has gone through the caches, too. */
	if (m->memory.generation != before)
		pv_invalidate(&m->pv, gpa, size, true);
	if (r)
		return -1;
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
