// SPDX-License-Identifier: GPL-2.0-only
/* The model of the caches: derive expectations. */
#include "base/num.h"
#include "pv/model.h"

void model_lock(struct model *m)
{
	pthread_rwlock_rdlock(&m->memory->lock);
	pthread_mutex_lock(&m->lock);
}

void model_unlock(struct model *m)
{
	pthread_mutex_unlock(&m->lock);
	pthread_rwlock_unlock(&m->memory->lock);
}

static const char *tristate(bool known, bool is)
{
	return known ? is ? "yes" : "no" : "unknown";
}

const char *model_expect_name(enum model_expect e)
{
	static const char *const names[] = {
		[EXPECT_UNKNOWN] = "unknown",
		[EXPECT_FRESH] = "fresh",
		[EXPECT_STALE] = "stale",
		[EXPECT_ABSENT] = "absent",
	};

	return names[e];
}

const char *model_map_name(enum model_map d)
{
	static const char *const names[] = {
		[MODEL_MAP_UNKNOWN] = "unknown",
		[MODEL_MAP_ABSENT] = "absent",
		[MODEL_MAP_PRESENT] = "present",
	};

	return names[d];
}

static const char *writes_name(enum model_writes w)
{
	static const char *const names[] = {
		[MODEL_WRITES_UNKNOWN] = "unknown",
		[MODEL_WRITES_PAGE] = "page",
		[MODEL_WRITES_ALIAS] = "alias",
		[MODEL_WRITES_OTHER] = "other",
		[MODEL_WRITES_NOWHERE] = "nowhere",
	};

	return names[w];
}

/* ---- pages -------------------------------------------------------------- */

bool model_same(struct model_page a, struct model_page b)
{
	return a.space == b.space && a.index == b.index;
}

static bool model_is_bad(const struct model *m, struct model_page p)
{
	if (m->nr_bad > MODEL_BAD) /* overflow: any page may be bad */
		return true;
	for (unsigned int i = 0; i < m->nr_bad; i++)
		if (model_same(m->bad[i], p))
			return true;
	return false;
}

bool model_through_gmem(const struct model *m, const struct model_entry *n)
{
	return m->memory->mode == MEM_GMEM_PRIVATE &&
	       m->memory->family == GMEM_DIRECT_2024 && !n->ghc && !n->by_hva;
}

static bool is_private(const struct model *m, uint64_t gpa)
{
	return m->memory->mode == MEM_GMEM_PRIVATE &&
	       attrs_private(&m->memory->attrs, gpa);
}

static struct model_page file_page(const struct mem_slot *s, uint64_t gpa)
{
	return (struct model_page){ s->file,
				    (gpa - s->gpa + s->offset) / PAGE_SIZE };
}

/* The page at the slot's userspace_addr: of the file in mode gmem. */
static struct model_page host_page(const struct model *m,
				   const struct mem_slot *s, uint64_t gpa)
{
	if (m->memory->mode == MEM_GMEM && memory_file(m->memory, s))
		return file_page(s, gpa);
	return (struct model_page){
		MODEL_HOST + (unsigned int)(s - m->memory->slots),
		(gpa - s->gpa) / PAGE_SIZE
	};
}

bool model_host_page(const struct model *m, uint64_t gpa, struct model_page *p)
{
	const struct mem_slot *s = memory_slot(m->memory, gpa);

	if (s)
		*p = host_page(m, s, gpa);
	return s;
}

bool model_page_gpa(const struct model *m, struct model_page p, uint64_t *gpa)
{
	const uint64_t at = p.index * PAGE_SIZE;

	for (unsigned int i = 0; i < m->memory->nr_slots; i++) {
		const struct mem_slot *s = &m->memory->slots[i];

		if (p.space == MODEL_HOST + i)
			*gpa = s->gpa + at;
		else if (p.space == s->file && memory_file(m->memory, s) &&
			 at - s->offset < s->size)
			*gpa = s->gpa + at - s->offset;
		else
			continue;
		return memory_slot(m->memory, *gpa) == s;
	}
	return false;
}

static bool is_closed(const struct model *m, const struct mem_slot *s)
{
	const struct mem_file *f = memory_file(m->memory, s);

	return f && f->closed;
}

bool model_guest_page(const struct model *m, uint64_t gpa, struct model_page *p)
{
	const struct mem_slot *s = memory_slot(m->memory, gpa);

	if (!s || !s->present)
		return false;
	if (is_private(m, gpa)) {
		if (!memory_file(m->memory, s))
			return false;
		*p = file_page(s, gpa);
		return !is_closed(m, s);
	}
	*p = host_page(m, s, gpa);
	return m->memory->mode != MEM_GMEM || !is_closed(m, s);
}

/* The address stays the same when slots come and go. */
static struct model_target resolve_hva(const struct model *m,
				       const struct model_cache *c)
{
	const unsigned int space = c->host.space;

	return (struct model_target){
		.ok = c->has_host && !model_is_bad(m, c->host) &&
		      !(space < MODEL_HOST && m->memory->files[space].closed),
		.page = c->host,
	};
}

struct model_target model_resolve(const struct model *m,
				  const struct model_entry *n,
				  const struct model_cache *c)
{
	const struct mem_slot *s = memory_slot(m->memory, c->gpa);
	struct model_target t = { .ok = false };

	if (n->by_hva)
		return resolve_hva(m, c);
	if (!s || !s->present)
		return t;
	t.private = model_through_gmem(m, n) && is_private(m, c->gpa);
	if (t.private)
		t.ok = model_guest_page(m, c->gpa, &t.page);
	else
		t.page = host_page(m, s, c->gpa);
	if (!t.private)
		t.ok = m->memory->mode != MEM_GMEM || !is_closed(m, s);
	/* hva_to_pfn() and kvm_gmem_get_pfn() refuse a poisoned page. */
	t.ok = t.ok && !model_is_bad(m, t.page);
	return t;
}

static enum model_writes model_writes(const struct model *m,
				      const struct model_entry *n,
				      const struct model_cache *c)
{
	struct model_target t = model_resolve(m, n, c);
	struct model_page p;
	bool alias;

	if (!t.ok)
		return MODEL_WRITES_NOWHERE;
	alias = !t.private && is_private(m, c->gpa);
	/* The 2025 series are still in flux. Their handling of pages that are
	 * mapped in userspace but not in the direct map, and of private
	 * pages, has to be measured. */
	if (m->memory->family == GMEM_DIRECT_2025 &&
	    (m->memory->out_of_map || alias))
		return MODEL_WRITES_UNKNOWN;
	if (alias)
		return MODEL_WRITES_ALIAS;
	return n->by_hva && model_guest_page(m, c->gpa, &p) &&
			       !model_same(p, t.page)
		       ? MODEL_WRITES_OTHER
		       : MODEL_WRITES_PAGE;
}

bool model_nowhere(const struct model *m, const struct model_entry *n)
{
	for (unsigned int k = 0; k < n->nr; k++)
		if (model_writes(m, n, &n->cache[k]) != MODEL_WRITES_NOWHERE)
			return false;
	return n->nr;
}

/* ---- what a check finds ------------------------------------------------- */

static enum model_expect expect_one(const struct model *m,
				    const struct model_entry *n,
				    const struct model_cache *c)
{
	struct model_page p;

	if (!model_guest_page(m, c->gpa, &p))
		return EXPECT_ABSENT;
	if (model_is_bad(m, p))
		return EXPECT_UNKNOWN;
	switch (model_writes(m, n, c)) {
	case MODEL_WRITES_PAGE:
		return EXPECT_FRESH;
	case MODEL_WRITES_ALIAS:
	case MODEL_WRITES_OTHER:
		return EXPECT_STALE;
	default:
		return EXPECT_UNKNOWN;
	}
}

/* Pv pages that share bytes disturb each other. The MSRs accept any gpa. */
static bool overlaps_none(const struct model *m, const struct model_entry *n)
{
	for (unsigned int i = 0; i < m->nr; i++) {
		const struct model_entry *o = &m->entries[i];

		if (o != n && o->on && o->size < PAGE_SIZE &&
		    n->size < PAGE_SIZE && n->gpa < o->gpa + o->size &&
		    o->gpa < n->gpa + n->size)
			return false;
	}
	return true;
}

enum model_expect model_expect_locked(const struct model *m,
				      const struct model_entry *n)
{
	enum model_expect both[2] = { EXPECT_UNKNOWN, EXPECT_UNKNOWN };

	if (!n->on)
		return EXPECT_ABSENT;
	for (unsigned int i = 0; i < n->nr; i++) {
		both[i] = expect_one(m, n, &n->cache[i]);
		if (both[i] == EXPECT_ABSENT)
			return EXPECT_ABSENT;
	}
	/* KVM's caches do not cross pages: KVM rejects
	 * such a gpa or uses no gpc. */
	if (n->gpa & (n->align - 1) || n->scribbled || !overlaps_none(m, n))
		return EXPECT_UNKNOWN;
	return n->nr < 2 || both[0] == both[1] ? both[0] : EXPECT_UNKNOWN;
}

/* ---- the direct map ----------------------------------------------------- */

/* Is @p the file page that belongs to @c's gpa, private or not? */
static bool is_file_page(const struct model *m, const struct model_cache *c,
			 struct model_page p)
{
	const struct mem_slot *s = memory_slot(m->memory, c->gpa);

	return s && memory_file(m->memory, s) &&
	       model_same(file_page(s, c->gpa), p);
}

/* Does @c certainly hold a reference on @p? Set *maybe if it may. */
static bool holds_page(const struct model *m, const struct model_entry *n,
		       const struct model_cache *c, struct model_page p,
		       bool *maybe)
{
	bool held = c->held && model_same(c->page, p);

	if (!c->active || !model_through_gmem(m, n))
		return false;
	if (!c->sure || c->lost)
		*maybe = true;
	else if (c->loose && (held || is_file_page(m, c, p)))
		*maybe = true;
	else
		return held;
	return false;
}

enum model_map model_map_locked(const struct model *m, uint64_t gpa)
{
	const struct memory *mem = m->memory;
	struct model_page p;
	bool maybe = false;

	if (m->suspended || m->unsettled || m->flying ||
	    !model_guest_page(m, gpa, &p) || model_is_bad(m, p))
		return MODEL_MAP_UNKNOWN;
	if (p.space >= MODEL_HOST || !mem->out_of_map)
		return MODEL_MAP_PRESENT;
	for (unsigned int i = 0; i < m->nr; i++) {
		const struct model_entry *n = &m->entries[i];

		for (unsigned int k = 0; k < n->nr; k++)
			if (holds_page(m, n, &n->cache[k], p, &maybe))
				return MODEL_MAP_PRESENT;
	}
	return maybe ? MODEL_MAP_UNKNOWN : MODEL_MAP_ABSENT;
}

bool model_refs(const struct model *m, const struct model_cache *c,
		unsigned int *refs)
{
	bool known = c->sure;
	struct model_page p = c->page;

	*refs = 0;
	if (!c->held &&
	    (!model_guest_page(m, c->gpa, &p) || p.space >= MODEL_HOST))
		return known;
	for (unsigned int i = 0; i < m->nr; i++) {
		const struct model_entry *n = &m->entries[i];

		for (unsigned int k = 0; k < n->nr; k++) {
			const struct model_cache *o = &n->cache[k];

			if (!o->active || !model_through_gmem(m, n))
				continue;
			known = known && o->sure;
			*refs += o->held && model_same(o->page, p);
		}
	}
	return known;
}

/* ---- reports ------------------------------------------------------------ */

enum model_map model_direct_map(struct model *m, uint64_t gpa,
				uint64_t *changes)
{
	enum model_map r;

	model_lock(m);
	r = model_map_locked(m, gpa);
	*changes = m->changes;
	model_unlock(m);
	return r;
}

static void cache_json(const struct model *m, const struct model_entry *n,
		       const struct model_cache *c, struct json *j)
{
	unsigned int refs;

	json_object(j, NULL);
	json_str(j, "active", tristate(true, c->active));
	json_str(j, "valid", tristate(c->sure, c->valid));
	json_str(j, "private", tristate(c->sure, c->private));
	json_str(j, "unmap_owed", tristate(c->sure, c->held && !c->valid));
	if (model_refs(m, c, &refs))
		json_num(j, "refs", refs);
	else
		json_null(j, "refs");
	json_str(j, "direct_map", model_map_name(model_map_locked(m, c->gpa)));
	json_str(j, "writes",
		 writes_name(c->active ? model_writes(m, n, c)
				       : MODEL_WRITES_NOWHERE));
	json_object_end(j);
}

/* Summarize all of its caches in a word. */
static const char *predicted_name(const struct model_entry *n)
{
	const char *word = "valid";

	if (!n->on)
		return "inactive";
	for (unsigned int k = 0; k < n->nr; k++) {
		if (!n->cache[k].sure)
			return "unknown";
		if (!n->cache[k].valid)
			word = "invalid";
	}
	return word;
}

void model_json(struct model *m, unsigned int i, struct json *j)
{
	const struct model_entry *n = &m->entries[i];

	model_lock(m);
	json_str(j, "predicted", predicted_name(n));
	json_array(j, "model");
	for (unsigned int k = 0; k < n->nr; k++)
		cache_json(m, n, &n->cache[k], j);
	model_unlock(m);
	json_array_end(j);
}
