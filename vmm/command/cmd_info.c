// SPDX-License-Identifier: GPL-2.0-only
/* help, status, caps, gpc, quit: information, and the end of the machine. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "command/handlers.h"
#include "config/guests.h"
#include "control/session.h"
#include "host/poison.h"
#include "keeper/keeper.h"
#include "probe/probe.h"

int cmd_help(struct request *rq)
{
	const struct command_table *t = rq->s->commands;
	const struct command *c;

	if (!rq->argc) {
		json_array(&rq->reply, "commands");
		for (unsigned int i = 0; i < t->nr; i++)
			reply_help(rq, t->rows[i].name, t->rows[i].args,
				   t->rows[i].help);
		json_array_end(&rq->reply);
		return 0;
	}
	c = command_find(t, rq->argv[0]);
	if (!c)
		return err_range(&rq->err,
				 "unknown command '%.64s': 'help' lists all",
				 rq->argv[0]);
	json_str(&rq->reply, "name", c->name);
	json_str(&rq->reply, "args", c->args);
	json_str(&rq->reply, "help", c->help);
	if (c->more)
		json_str(&rq->reply, "more", c->more);
	return 0;
}

/* List the present slots that overlap the place of a deleted one. */
static void taken_by_json(const struct memory *mem, const struct mem_slot *s,
			  struct json *j)
{
	json_array(j, "taken_by");
	for (unsigned int i = 0; i < mem->nr_slots; i++) {
		const struct mem_slot *o = &mem->slots[i];

		if (o->present && o->gpa < s->gpa + s->size &&
		    s->gpa < o->gpa + o->size)
			json_num(j, NULL, i);
	}
	json_array_end(j);
}

static void slots_json(struct machine *m, struct json *j)
{
	json_array(j, "slots");
	pthread_rwlock_rdlock(&m->memory.lock);
	for (unsigned int i = 0; i < m->memory.nr_slots; i++) {
		const struct mem_slot *s = &m->memory.slots[i];
		const struct mem_file *f = memory_file(&m->memory, s);

		json_object(j, NULL);
		json_num(j, "slot", i);
		json_hex(j, "gpa", s->gpa);
		json_hex(j, "size", s->size);
		if (f) {
			json_num(j, "file", s->file);
			json_hex(j, "offset", s->offset);
			json_bool(j, "closed", f->closed);
		} else if (m->memory.mode != MEM_ANON) {
			json_null(j, "file");
		}
		json_bool(j, "present", s->present);
		if (!s->present)
			taken_by_json(&m->memory, s, j);
		json_object_end(j);
	}
	pthread_rwlock_unlock(&m->memory.lock);
	json_array_end(j);
}

static void vcpus_json(struct machine *m, struct json *j)
{
	json_array(j, "vcpus");
	for (unsigned int i = 0; i < m->nr_vcpus; i++) {
		struct vcpu *v = &m->vcpus[i];

		json_object(j, NULL);
		json_num(j, "vcpu", i);
		json_str(j, "state", vcpu_state_name(vcpu_state(v)));
		json_bool(j, "agent", v->agent.there);
		json_num(j, "reports", v->reports);
		json_num(j, "runs", v->runs);
		json_num(j, "exits", v->exits);
		json_object_end(j);
	}
	json_array_end(j);
}

static void faults_json(struct session *s, struct json *j)
{
	struct machine *m = s->m;

	json_object(j, "memory_fault");
	json_str(j, "policy", fault_policy_names[m->cfg->fault]);
	json_num(j, "reported", m->faults);
	json_num(j, "converted", m->faults_set);
	json_num(j, "retried", m->faults_again);
	json_object_end(j);
	json_bool(j, "poison", s->poisoner);
	json_num(j, "poisoned", s->poisoned);
}

static void landlock_json(struct json *j, int abi)
{
	if (abi > 0)
		json_num(j, "landlock", (uint64_t)abi);
	else
		json_null(j, "landlock");
	if (abi < 0)
		json_str(j, "landlock_why", strerrordesc_np(-abi));
}

static void keeper_json(const struct keeper *k, struct json *j)
{
	json_object(j, "keeper");
	json_num(j, "pid", (uint64_t)k->pid);
	json_bool(j, "seccomp", k->state.filtered);
	landlock_json(j, k->state.landlock);
	json_object_end(j);
}

/* Report what was in force when the sandbox was set up. */
static void sandbox_json(const struct session *s, struct json *j)
{
	const struct sandbox *b = &s->m->sandbox;

	json_object(j, "sandbox");
	json_num(j, "uid", b->id.uid);
	json_num(j, "gid", b->id.gid);
	json_bool(j, "no_new_privs", b->no_new_privs);
	json_array(j, "seccomp");
	for (enum sandbox_kind k = SANDBOX_MAIN;
	     k <= SANDBOX_THREAD && !b->no_filters; k++)
		json_str(j, NULL, sandbox_kind_name(k));
	json_array_end(j);
	if (b->no_filters)
		json_str(j, "seccomp_why", b->no_filters);
	landlock_json(j, b->landlock);
	keeper_json(s->keeper, j);
	if (s->poisoner)
		json_num(j, "poisoner", (uint64_t)poison_pid(s->poisoner));
	else
		json_null(j, "poisoner");
	json_object_end(j);
}

int cmd_status(struct request *rq)
{
	struct machine *m = rq->m;
	struct json *j = &rq->reply;
	uint64_t ready = m->ready_ns;

	json_str(j, "version", GPCVM_VERSION);
	json_num(j, "pid", (uint64_t)getpid());
	json_str(j, "guest", m->cfg->guest);
	if (m->cfg->kernel) {
		json_str(j, "kernel", m->boot->path);
		json_str(j, "loader", m->boot->loader->name);
	}
	json_str(j, "memory",
		 mem_mode_name(m->memory.mode, m->memory.no_direct_map));
	if (m->memory.mode != MEM_ANON) {
		json_str(j, "family", gmem_family_names[m->offer.family]);
		json_hex(j, "gmem_flags", m->memory.gmem_flags);
	}
	json_num(j, "mem", memory_size(&m->memory));
	json_hex(j, "own_end", m->layout.own_end);
	json_bool(j, "guard", !m->cfg->no_guard);
	json_str(j, "pv", pv_flavour_names[m->cfg->flavour]);
	json_str(j, "pv_layout", pv_layout_names[m->cfg->layout]);
	json_str(j, "pv_by", m->cfg->by_hva ? "hva" : "gpa");
	json_num(j, "up_ns", now_ns() - m->born_ns);
	if (ready)
		json_num(j, "ready_ns", ready - m->born_ns);
	else
		json_null(j, "ready_ns");
	json_num(j, "events", events_last(&m->events));
	json_num(j, "events_left_out", events_left_out(&m->events));
	json_num(j, "kernel_messages", events_kernel(&m->events));
	json_bool(j, "storm", rq->s->storm);
	faults_json(rq->s, j);
	sandbox_json(rq->s, j);
	slots_json(m, j);
	vcpus_json(m, j);
	return 0;
}

int cmd_caps(struct request *rq)
{
	struct probe p;

	if (keeper_probe(rq->s->keeper, &p, &rq->err))
		return -1;
	probe_json(&p, &rq->reply);
	return 0;
}

static const char *attribute_name(struct machine *m, uint64_t gpa)
{
	if (m->memory.mode != MEM_GMEM_PRIVATE)
		return "none";
	return memory_is_private(&m->memory, gpa) ? "private" : "shared";
}

static void backing_text(struct machine *m, uint64_t gpa, char *buf, size_t len)
{
	const struct mem_slot *s;
	const struct mem_file *f;

	pthread_rwlock_rdlock(&m->memory.lock);
	s = memory_slot(&m->memory, gpa);
	f = s ? memory_file(&m->memory, s) : NULL;
	if (!s)
		snprintf(buf, len, "no slot");
	else if (!f)
		snprintf(buf, len, "anon, slot %ju%s",
			 (uintmax_t)(s - m->memory.slots),
			 s->present ? "" : " (deleted)");
	else
		snprintf(buf, len,
			 "gmem file %u%s offset 0x%" PRIx64 ", slot %ju%s",
			 s->file, f->closed ? " (closed)" : "",
			 s->offset + (gpa - s->gpa),
			 (uintmax_t)(s - m->memory.slots),
			 s->present ? "" : " (deleted)");
	pthread_rwlock_unlock(&m->memory.lock);
}

static void pv_page_json(struct machine *m, const struct pv_page *p,
			 struct json *j)
{
	uint64_t gpa = p->gpa, first;
	bool by_hva = p->by_hva;
	char text[80];

	backing_text(m, gpa, text, sizeof(text));
	json_object(j, NULL);
	json_str(j, "name", p->name);
	json_str(j, "kind", p->kind->compatible + sizeof("gpcvm,") - 1);
	if (p->kind->per_vm)
		json_null(j, "vcpu");
	else
		json_num(j, "vcpu", p->vcpu);
	json_hex(j, "gpa", gpa);
	json_str(j, "by", by_hva ? "hva" : "gpa");
	if (by_hva)
		json_hex(j, "hva", p->hva);
	json_bool(j, "on", p->on);
	json_str(j, "cached_by", pv_cached_by(p));
	json_num(j, "caches", pv_span(p, &first) / PAGE_SIZE);
	json_str(j, "backing", text);
	json_str(j, "attribute", attribute_name(m, gpa));
	model_json(&m->pv.model, pv_index(p), j);
	json_object_end(j);
}

int cmd_gpc(struct request *rq)
{
	struct pv_vm *pv = &rq->m->pv;

	json_array(&rq->reply, "pages");
	for (unsigned int i = 0; i < pv->nr; i++)
		pv_page_json(rq->m, &pv->pages[i], &rq->reply);
	json_array_end(&rq->reply);
	return 0;
}

int cmd_quit(struct request *rq)
{
	uint64_t code = 0;
	struct err e;

	if (rq->argc && num_parse_range(rq->argv[0], "the exit status", 0, 255,
					&code, &rq->err))
		return -1;
	json_num(&rq->reply, "code", code);
	/* Before the reply: whoever reads it may start the next gpcvm at the same
	 * path, while this one still ends. */
	if (rq->s->keeper && keeper_unlisten(rq->s->keeper, &e))
		warn_err(&e);
	machine_end(rq->m, (int)code, "quit");
	return 0;
}
