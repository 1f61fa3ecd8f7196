// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "host/trace.h"

/* Limits open files and locked memory: each CPU needs a ring. */
#define MAX_CPUS 512

static const struct {
	const char *name, *group, *event;
	const char *fields[TRACE_VALUES]; /* the first is the key */
	unsigned int nr;
} points[TRACE_POINTS] = {
	[TRACE_PVCLOCK] = { "kvm:kvm_pvclock_update",
			    "kvm",
			    "kvm_pvclock_update",
			    { "vcpu_id", "version", "tsc_timestamp",
			      "system_time" },
			    4 },
};

const char *trace_point_name(enum trace_point p)
{
	return points[p].name;
}

/* ---- opening ------------------------------------------------------------ */

static int open_point(struct trace *t, enum trace_point p, int root, long cpus)
{
	struct err *e = &t->why[p];
	const unsigned int first = t->nr_rings;

	if (tracefs_event(root, points[p].group, points[p].event,
			  points[p].fields, t->fields[p], points[p].nr,
			  &t->id[p], e))
		return -1;
	for (long cpu = 0; cpu < cpus; cpu++) {
		struct trace_ring *r = &t->rings[t->nr_rings];

		if (!trace_ring_open(r, p, t->id[p], (int)cpu, e)) {
			t->nr_rings++;
		} else if (e->os_errno == ENODEV) { /* the CPU is offline */
			e->kind = ERR_NONE;
			t->partial = true;
		} else {
			break;
		}
	}
	if (e->kind == ERR_NONE && t->nr_rings > first)
		return 0;
	while (t->nr_rings > first)
		trace_ring_close(&t->rings[--t->nr_rings]);
	return -1;
}

static int open_all(struct trace *t, struct err *e)
{
	const long cpus = sysconf(_SC_NPROCESSORS_CONF);
	const char *mounted;
	int root;

	if (cpus < 1 || cpus > MAX_CPUS)
		return err_unsupported(e,
				       "%ld CPUs, but at most %d can be "
				       "traced",
				       cpus, MAX_CPUS);
	t->kept = calloc(TRACE_KEPT, sizeof(*t->kept));
	t->rings = calloc((size_t)cpus * TRACE_POINTS, sizeof(*t->rings));
	if (!t->kept || !t->rings)
		return err_os(e, ENOMEM, "memory for tracepoints");
	root = tracefs_open(&mounted, e);
	if (root < 0)
		return -1;
	for (unsigned int p = 0; p < TRACE_POINTS; p++)
		t->there[p] = !open_point(t, p, root, cpus);
	close(root);
	return 0;
}

void trace_open(struct trace *t)
{
	struct err e;

	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	if (open_all(t, &e))
		for (unsigned int p = 0; p < TRACE_POINTS; p++)
			t->why[p] = e;
}

void trace_close(struct trace *t)
{
	while (t->nr_rings)
		trace_ring_close(&t->rings[--t->nr_rings]);
	free(t->rings);
	free(t->kept);
	pthread_mutex_destroy(&t->lock);
}

/* ---- reading ------------------------------------------------------------ */

bool trace_parse(const struct tracefs_field *fields, const uint8_t *raw,
		 uint32_t size, struct trace_record *out)
{
	for (unsigned int i = 0; i < TRACE_VALUES; i++) {
		const struct tracefs_field *f = &fields[i];

		out->value[i] = 0;
		if (f->size > 8 || f->offset > size ||
		    f->size > size - f->offset)
			return false;
		memcpy(&out->value[i], raw + f->offset, f->size);
	}
	return true;
}

struct drain {
	struct trace *t;
	enum trace_point point;
};

static void keep_record(void *arg, const uint8_t *raw, uint32_t size)
{
	struct drain *d = arg;
	struct trace *t = d->t;
	struct trace_record *r = &t->kept[t->count % TRACE_KEPT];

	r->point = d->point;
	if (raw && trace_parse(t->fields[d->point], raw, size, r))
		t->count++;
	else
		t->lost++;
}

/* The lock is held. */
static void drain_all(struct trace *t)
{
	for (unsigned int i = 0; i < t->nr_rings; i++) {
		struct drain d = { t, t->rings[i].point };

		trace_ring_drain(&t->rings[i], keep_record, &d);
	}
}

void trace_mark(struct trace *t, struct trace_mark *m)
{
	pthread_mutex_lock(&t->lock);
	drain_all(t);
	m->count = t->count;
	m->lost = t->lost;
	pthread_mutex_unlock(&t->lock);
}

int trace_since(struct trace *t, const struct trace_mark *m,
		enum trace_point point, uint64_t key, struct trace_record *out,
		unsigned int max)
{
	unsigned int nr = 0;
	int r = -1;

	pthread_mutex_lock(&t->lock);
	drain_all(t);
	if (!t->there[point] || t->lost != m->lost ||
	    t->count - m->count > TRACE_KEPT)
		goto out;
	for (uint64_t i = m->count; i < t->count; i++) {
		const struct trace_record *k = &t->kept[i % TRACE_KEPT];

		if (k->point != point || k->value[0] != key)
			continue;
		if (nr == max)
			goto out;
		out[nr++] = *k;
	}
	r = !nr && t->partial ? -1 : (int)nr;
out:
	pthread_mutex_unlock(&t->lock);
	return r;
}
