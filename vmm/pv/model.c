// SPDX-License-Identifier: GPL-2.0-only
/* The model of the caches: apply operations. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "pv/model.h"

/* ---- one cache ---------------------------------------------------------- */

static void cache_invalidate(struct model_cache *c)
{
	c->valid = false;
	c->loose = true;
}

/* An inactive cache is known to be inactive. */
static void cache_doubt(struct model_cache *c)
{
	c->sure = !c->active;
}

/* Apply a certain use: the state after a refresh. KVM leaves a valid cache as
 * it is, and so does this. */
static void cache_used(const struct model *m, const struct model_entry *n,
		       struct model_cache *c)
{
	struct model_target t = model_resolve(m, n, c);

	if (!c->active)
		return;
	c->sure = true;
	c->lost = false;
	/* A failed refresh purges the pfn and drops the reference
	 * (virt/kvm/pfncache.c, __kvm_gpc_refresh). A later one may succeed. */
	c->valid = t.ok;
	c->loose = !t.ok;
	c->private = t.ok && t.private;
	c->held = c->private;
	c->page = t.page;
}

static void doubt_all(struct model_entry *n)
{
	for (unsigned int k = 0; k < n->nr; k++)
		cache_doubt(&n->cache[k]);
}

/* ---- changes of memory -------------------------------------------------- */

static bool model_overlaps(const struct model_cache *c, uint64_t gpa,
			   uint64_t len)
{
	return c->gpa - gpa < len || gpa - c->gpa < PAGE_SIZE;
}

static bool on_file(const struct model *m, const struct model_cache *c,
		    unsigned int file)
{
	const struct mem_slot *s = memory_slot(m->memory, c->gpa);

	return (s && memory_file(m->memory, s) && s->file == file) ||
	       (c->held && c->page.space == file);
}

/* By hva, the page at the address counts, wherever that is now. */
static bool host_touched(const struct model *m, const struct model_cache *c,
			 const struct mem_change *ch)
{
	uint64_t gpa;

	if (ch->kind == MEM_CLOSED)
		return c->has_host && c->host.space == ch->file;
	return c->has_host && model_page_gpa(m, c->host, &gpa) &&
	       gpa - ch->gpa < ch->len;
}

/* Does @ch affect what KVM has cached or what the guest reads there? */
static bool change_touches(const struct model *m, const struct model_entry *n,
			   const struct model_cache *c,
			   const struct mem_change *ch)
{
	if (n->by_hva && host_touched(m, c, ch))
		return true;
	return ch->kind == MEM_CLOSED ? on_file(m, c, ch->file)
				      : model_overlaps(c, ch->gpa, ch->len);
}

/* Is @c's slot present, and @c's page, if held, still
 * bound to it at @c's gpa? */
static bool cache_is_bound(const struct model *m, const struct model_cache *c)
{
	const struct mem_slot *s = memory_slot(m->memory, c->gpa);
	uint64_t gpa;

	return s && s->present &&
	       (!c->held ||
		(model_page_gpa(m, c->page, &gpa) && gpa == c->gpa));
}

/* The file's page goes away, and with it a page that KVM found through a
 * userspace address of the same memory. */
static void lose_page(const struct model *m, const struct model_entry *n,
		      struct model_cache *c)
{
	uint64_t gpa = c->gpa;
	bool mapped;

	if (n->by_hva)
		model_page_gpa(m, c->host, &gpa);
	mapped = m->memory->mode != MEM_GMEM_PRIVATE ||
		 !attrs_private(&m->memory->attrs, gpa);

	if (model_through_gmem(m, n)) {
		/* An invalidation goes through the binding of a present slot
		 * and reaches even caches that are already invalid. */
		if (cache_is_bound(m, c))
			c->held = false;
		else if (c->held || c->loose)
			cache_doubt(c);
		cache_invalidate(c);
	} else if (mapped && !n->ghc) {
		cache_invalidate(c);
	}
}

static void lose_file(const struct model *m, const struct model_entry *n,
		      struct model_cache *c)
{
	/* The alias survives, and so does a cache by hva. */
	if (m->memory->mode == MEM_GMEM || model_through_gmem(m, n))
		lose_page(m, n, c);
}

static void lose_slot(const struct model *m, const struct model_entry *n,
		      struct model_cache *c)
{
	if (n->by_hva)
		return;
	if (model_through_gmem(m, n) && (c->held || c->loose))
		c->lost = true;
	cache_invalidate(c);
}

static void change_cache(const struct model *m, struct model_entry *n,
			 struct model_cache *c, const struct mem_change *ch)
{
	if (n->by_hva && !host_touched(m, c, ch))
		return;
	switch (ch->kind) {
	case MEM_PUNCHED:
		lose_page(m, n, c);
		break;
	case MEM_POISONED:
		/* For shared memory, the alias is
		 * poisoned, not a gmem folio. */
		if (attrs_private(&m->memory->attrs, c->gpa) ||
		    !model_through_gmem(m, n))
			lose_page(m, n, c);
		else
			cache_invalidate(c);
		break;
	case MEM_CLOSED:
		lose_file(m, n, c);
		break;
	case MEM_CONVERTED:
		if (model_through_gmem(m, n))
			cache_invalidate(c);
		break;
	case MEM_SLOT_GONE:
		lose_slot(m, n, c);
		break;
	case MEM_SLOT_THERE: /* it was already invalid without the slot */
		break;
	}
	if (ch->failed) /* may be half done */
		cache_doubt(c);
}

/* The caller holds the memory lock. */
static void change_entry(struct model *m, struct model_entry *n,
			 const struct mem_change *ch, bool known)
{
	bool any = false;

	for (unsigned int i = 0; i < n->nr; i++) {
		struct model_cache *c = &n->cache[i];

		if (!change_touches(m, n, c, ch))
			continue;
		any = true;
		if (ch->kind == MEM_PUNCHED)
			n->scribbled = false;
		if (c->active && known)
			change_cache(m, n, c, ch);
		else
			cache_doubt(c);
	}
	n->epoch += any;
}

/* Does the punch free @p? It frees the alias only where memory is shared. */
static bool is_freed(const struct model *m, struct model_page p,
		     const struct mem_change *ch)
{
	uint64_t gpa;

	return model_page_gpa(m, p, &gpa) && gpa - ch->gpa < ch->len &&
	       (p.space < MODEL_HOST || !attrs_private(&m->memory->attrs, gpa));
}

static void change_bad(struct model *m, const struct mem_change *ch)
{
	struct model_page p;
	unsigned int keep = 0;

	if (ch->kind == MEM_POISONED && model_guest_page(m, ch->gpa, &p) &&
	    m->nr_bad <= MODEL_BAD) {
		if (m->nr_bad < MODEL_BAD)
			m->bad[m->nr_bad] = p;
		m->nr_bad++;
	}
	if (ch->kind != MEM_PUNCHED || ch->failed || m->nr_bad > MODEL_BAD)
		return;
	for (unsigned int i = 0; i < m->nr_bad; i++)
		if (!is_freed(m, m->bad[i], ch))
			m->bad[keep++] = m->bad[i];
	m->nr_bad = keep;
}

/* Callbacks of the memory watch, called with the memory lock held. */
static void model_on_begin(void *arg, struct mem_change *ch)
{
	struct model *m = arg;

	m->under_way++;
	ch->told = !m->suspended;
	if (!ch->told)
		return;
	pthread_mutex_lock(&m->lock);
	ch->next = m->flying;
	m->flying = ch;
	m->changes++;
	pthread_mutex_unlock(&m->lock);
}

static void model_on_end(void *arg, struct mem_change *ch)
{
	struct model *m = arg;
	struct mem_change **p = &m->flying;

	if (ch->told || !m->suspended || ch->kind == MEM_POISONED) {
		pthread_mutex_lock(&m->lock);
		while (ch->told && *p != ch)
			p = &(*p)->next;
		if (ch->told)
			*p = ch->next;
		for (unsigned int i = 0; i < m->nr; i++)
			change_entry(m, &m->entries[i], ch, ch->told);
		change_bad(m, ch);
		m->changes++;
		pthread_mutex_unlock(&m->lock);
	}
	m->under_way--;
}

/* Is anything being done to @n's memory right now? */
static bool model_busy(const struct model *m, const struct model_entry *n)
{
	if (m->suspended || m->unsettled)
		return true;
	for (const struct mem_change *ch = m->flying; ch; ch = ch->next)
		for (unsigned int i = 0; i < n->nr; i++)
			if (change_touches(m, n, &n->cache[i], ch))
				return true;
	return false;
}

/* ---- set-up ------------------------------------------------------------- */

int model_init(struct model *m, struct memory *mem, unsigned int nr,
	       struct err *e)
{
	memset(m, 0, sizeof(*m));
	m->memory = mem;
	m->entries = calloc(nr, sizeof(*m->entries));
	if (!m->entries)
		return err_os(e, ENOMEM, "memory for the model of %u caches",
			      nr);
	m->nr = nr;
	pthread_mutex_init(&m->lock, NULL);
	mem->watch = (struct mem_watch){ m, model_on_begin, model_on_end };
	return 0;
}

void model_free(struct model *m)
{
	if (!m->entries)
		return;
	m->memory->watch = (struct mem_watch){ 0 };
	free(m->entries);
	m->entries = NULL;
	pthread_mutex_destroy(&m->lock);
}

void model_describe(struct model *m, unsigned int i, const struct model_kind *k)
{
	m->entries[i] = (struct model_entry){ .size = k->size,
					      .align = k->align,
					      .ghc = k->ghc,
					      .fragile = k->fragile,
					      .kept = k->kept };
}

/* ---- changes of the caches ---------------------------------------------- */

void model_switch(struct model *m, unsigned int i, uint64_t gpa, bool on,
		  bool by_hva)
{
	struct model_entry *n = &m->entries[i];
	uint64_t first = gpa & ~(PAGE_SIZE - 1);

	model_lock(m);
	/* A new activation does not clear what KVM keeps. */
	n->scribbled = n->scribbled && n->kept && n->gpa == gpa;
	n->written = false;
	n->gpa = gpa;
	n->on = on;
	n->by_hva = by_hva;
	n->epoch++;
	n->nr = (unsigned int)((align_up(gpa + n->size, PAGE_SIZE) - first) /
			       PAGE_SIZE);
	for (unsigned int k = 0; k < ARRAY_SIZE(n->cache); k++) {
		struct model_cache *c = &n->cache[k];

		/* The state after a deactivation. A move
		 * of the cache is a refresh. */
		*c = (struct model_cache){ .gpa = first + k * PAGE_SIZE,
					   .active = on && k < n->nr,
					   .sure = true };
		c->has_host = model_host_page(m, c->gpa, &c->host);
		cache_used(m, n, c);
	}
	if (model_busy(m, n))
		doubt_all(n);
	m->changes++;
	model_unlock(m);
}

void model_scribble(struct model *m, uint64_t gpa, uint64_t len)
{
	pthread_mutex_lock(&m->lock);
	for (unsigned int i = 0; i < m->nr; i++) {
		struct model_entry *n = &m->entries[i];

		if (n->gpa - gpa >= len && gpa - n->gpa >= n->size)
			continue;
		n->written = true;
		if (!n->fragile && !(n->kept && n->gpa + n->kept - gpa < len))
			continue;
		n->scribbled = true;
		n->epoch++;
	}
	pthread_mutex_unlock(&m->lock);
}

/* End the unsettled state once the storm's last operation has ended. */
static void model_settle(struct model *m)
{
	if (!m->under_way)
		m->unsettled = false;
}

void model_begin(struct model *m, unsigned int i, struct model_use *u)
{
	struct model_entry *n = &m->entries[i];

	/* An attribute change holds the memory lock for its duration; a storm
	 * must be able to use caches meanwhile. */
	if (m->suspended) {
		*u = (struct model_use){ .expect = EXPECT_UNKNOWN };
		return;
	}
	model_lock(m);
	model_settle(m);
	u->epoch = n->epoch;
	u->clear = !model_busy(m, n);
	u->expect = u->clear ? model_expect_locked(m, n) : EXPECT_UNKNOWN;
	u->nowhere = u->clear && model_nowhere(m, n);
	u->look = false;
	model_unlock(m);
}

/* KVM may have written a page at any time, or never. Expect fresh only if a
 * write by KVM is certain and nothing else has written to the page since. */
static enum model_expect expect_left(const struct model_entry *n,
				     enum model_expect used)
{
	if (used == EXPECT_ABSENT)
		return used;
	if (used != EXPECT_FRESH || n->fragile || n->written)
		return EXPECT_UNKNOWN;
	for (unsigned int k = 0; k < n->nr; k++)
		if (!n->cache[k].sure || !n->cache[k].valid ||
		    n->cache[k].loose)
			return EXPECT_UNKNOWN;
	return EXPECT_FRESH;
}

void model_begin_look(struct model *m, unsigned int i, struct model_use *u)
{
	model_begin(m, i, u);
	model_lock(m);
	u->expect = expect_left(&m->entries[i], u->expect);
	u->nowhere = false;
	u->look = true;
	model_unlock(m);
}

enum model_expect model_end(struct model *m, unsigned int i,
			    struct model_use *u)
{
	struct model_entry *n = &m->entries[i];

	/* model_resume() will mark everything as unknown. */
	if (m->suspended) {
		u->clear = u->nowhere = false;
		return EXPECT_UNKNOWN;
	}
	model_lock(m);
	u->clear = u->clear && u->epoch == n->epoch && !model_busy(m, n);
	u->nowhere = u->nowhere && u->clear;
	n->written = n->written && (u->look || !u->clear);
	for (unsigned int k = 0; k < n->nr && !u->look; k++) {
		if (u->clear)
			cache_used(m, n, &n->cache[k]);
		else
			cache_doubt(&n->cache[k]);
	}
	m->changes++;
	model_unlock(m);
	return u->clear ? u->expect : EXPECT_UNKNOWN;
}

void model_doubt(struct model *m, unsigned int i)
{
	pthread_mutex_lock(&m->lock);
	doubt_all(&m->entries[i]);
	m->changes++;
	pthread_mutex_unlock(&m->lock);
}

void model_blur(struct model *m)
{
	pthread_mutex_lock(&m->lock);
	for (unsigned int i = 0; i < m->nr; i++) {
		m->entries[i].epoch++;
		doubt_all(&m->entries[i]);
	}
	m->changes++;
	pthread_mutex_unlock(&m->lock);
}

void model_suspend(struct model *m)
{
	m->suspended = true;
	model_blur(m);
}

void model_resume(struct model *m)
{
	model_blur(m);
	pthread_mutex_lock(&m->lock);
	m->unsettled = true; /* until a use finds nothing under way */
	m->suspended = false;
	pthread_mutex_unlock(&m->lock);
}
