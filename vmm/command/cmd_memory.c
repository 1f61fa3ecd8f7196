// SPDX-License-Identifier: GPL-2.0-only
/* Operations on memory: punch, allocate, attr, prefault, slot, mem. */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "command/handlers.h"
#include "control/operate.h"

#define PEEK_MAX 4096

int cmd_punch(struct request *rq)
{
	struct machine *m = rq->m;
	uint64_t gpa, len;

	if (request_pages(rq, 0, &gpa, &len) ||
	    machine_guard(m, gpa, len, &rq->err) ||
	    memory_punch(&m->memory, gpa, len, &rq->err))
		return -1;
	reply_range(rq, gpa, len);
	return 0;
}

int cmd_allocate(struct request *rq)
{
	uint64_t gpa, len;

	if (request_pages(rq, 0, &gpa, &len) ||
	    memory_allocate(&rq->m->memory, gpa, len, &rq->err))
		return -1;
	reply_range(rq, gpa, len);
	return 0;
}

int cmd_attr(struct request *rq)
{
	struct machine *m = rq->m;
	uint64_t gpa, len;
	bool private;

	if (arg_attr(rq->argv[rq->argc - 1], &private, &rq->err))
		return -1;
	rq->argc--; /* GPA [LEN] remains */
	if (request_pages(rq, 0, &gpa, &len) ||
	    machine_guard(m, gpa, len, &rq->err) ||
	    memory_set_private(&m->memory, gpa, len, private, &rq->err))
		return -1;
	reply_range(rq, gpa, len);
	json_str(&rq->reply, "attribute", private ? "private" : "shared");
	return 0;
}

static int prefault_on_vcpu(struct request *rq, struct vcpu *v)
{
	if (operate_prefault(rq->m, v, rq->arg[0], rq->arg[1],
			     &rq->job.cancelled, &rq->err))
		return -1;
	reply_range(rq, rq->arg[0], rq->arg[1]);
	return 0;
}

int cmd_prefault(struct request *rq)
{
	unsigned int vcpu;

	if (request_vcpu(rq, 0, &vcpu) ||
	    request_pages(rq, 1, &rq->arg[0], &rq->arg[1]) ||
	    operate_can_prefault(rq->m, &rq->err))
		return -1;
	return request_on_vcpu(rq, vcpu, JOB_HOST, prefault_on_vcpu, NULL);
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

/* Fail if the file behind slot @id holds the guest's own memory. */
static int guard_file(struct request *rq, unsigned int id)
{
	struct memory *mem = &rq->m->memory;
	unsigned int bad = mem->nr_slots;

	pthread_rwlock_rdlock(&mem->lock);
	for (unsigned int i = 0; i < mem->nr_slots; i++) {
		const struct mem_slot *s = &mem->slots[i];

		if (s->file == mem->slots[id].file &&
		    machine_guard(rq->m, s->gpa, s->size, NULL))
			bad = i;
	}
	pthread_rwlock_unlock(&mem->lock);
	if (bad == mem->nr_slots)
		return 0;
	return err_state(
		&rq->err,
		"slot %u shares gmem file %u with slot %u, which has the "
		"guest's own memory: use another file (--slot "
		"GPA,SIZE,file=N) or gpcvm run --no-guard",
		id, mem->slots[id].file, bad);
}

/* A storm may move slots meanwhile, but each keeps its file. */
static int slot_close(struct request *rq, unsigned int id)
{
	struct machine *m = rq->m;
	struct memory *mem = &m->memory;
	struct mem_slot s;

	if ((memory_file(mem, &mem->slots[id]) && guard_file(rq, id)) ||
	    memory_slot_close(mem, id, &rq->err))
		return -1;
	json_num(&rq->reply, "file", mem->slots[id].file);
	json_array(&rq->reply, "closed");
	for (unsigned int i = 0; i < mem->nr_slots; i++) {
		memory_slot_now(mem, i, &s);
		if (s.file != mem->slots[id].file)
			continue;
		json_num(&rq->reply, NULL, i);
	}
	json_array_end(&rq->reply);
	return 0;
}

static int slot_change(struct request *rq, enum slot_word word, unsigned int id,
		       uint64_t to)
{
	switch (word) {
	case SLOT_DELETE:
		return memory_slot_delete(&rq->m->memory, id, &rq->err);
	case SLOT_RESTORE:
		return memory_slot_restore(&rq->m->memory, id, &rq->err);
	case SLOT_MOVE:
		return memory_slot_move(&rq->m->memory, id, to, &rq->err);
	default:
		return slot_close(rq, id);
	}
}

int cmd_slot(struct request *rq)
{
	enum slot_word word = slot_word(rq->argv[0]);
	bool move = word == SLOT_MOVE;
	struct mem_slot s;
	unsigned int id;
	uint64_t to = 0;

	if (word == SLOT_NONE)
		return err_usage(&rq->err,
				 "slot: expected delete, restore, move or "
				 "close, got '%.32s'",
				 rq->argv[0]);
	if (rq->argc != (move ? 3 : 2))
		return err_usage(&rq->err, "expected: slot %s SLOT%s",
				 slot_words[word], move ? " GPA" : "");
	if (arg_slot(rq->m, rq->argv[1], &id, &s, &rq->err) ||
	    (move && num_parse(rq->argv[2], "the gpa", &to, &rq->err)) ||
	    slot_change(rq, word, id, to))
		return -1;
	memory_slot_now(&rq->m->memory, id, &s);
	json_num(&rq->reply, "slot", id);
	json_hex(&rq->reply, "gpa", s.gpa);
	json_hex(&rq->reply, "size", s.size);
	json_bool(&rq->reply, "present", s.present);
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
	reply_range(rq, gpa, len);
	json_str(&rq->reply, "sees",
		 m->memory.mode == MEM_GMEM_PRIVATE ? "the shared alias"
						    : "the guest's memory");
	json_num(&rq->reply, "resident", resident);
	json_bytes(&rq->reply, "data", buf, len);
	return 0;
}
