/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel tracepoints as a third witness: what KVM reports to have done on this
 * process's threads. Read through perf events, which need privileges to open
 * and vanish when closed.
 */
#ifndef GPCVM_TRACE_H
#define GPCVM_TRACE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "host/tracefs.h"

/* Each has a row in the table in trace.c. */
enum trace_point {
	TRACE_PVCLOCK, /* kvm:kvm_pvclock_update */
	TRACE_POINTS
};

/* The values of TRACE_PVCLOCK (arch/x86/kvm/trace.h). */
enum { PVCLOCK_VCPU, PVCLOCK_VERSION, PVCLOCK_TSC, PVCLOCK_TIME };

#define TRACE_VALUES 4
#define TRACE_KEPT   1024

struct trace_record {
	enum trace_point point;
	uint64_t value[TRACE_VALUES];
};

struct trace_ring;

struct trace {
	bool there[TRACE_POINTS];
	struct err why[TRACE_POINTS]; /* why a tracepoint is missing */
	bool partial; /* a CPU was offline: its later events are missed */
	uint64_t id[TRACE_POINTS];
	struct tracefs_field fields[TRACE_POINTS][TRACE_VALUES];

	pthread_mutex_t lock;
	struct trace_ring *rings; /* owned; one per CPU and tracepoint */
	unsigned int nr_rings;
	struct trace_record *kept; /* owned; the last TRACE_KEPT */
	uint64_t count;		   /* records received */
	uint64_t lost;		   /* times that records were lost */
};

/* Trace the threads that the caller creates from now on. Missing tracepoints
 * are marked absent; never fails. */
void trace_open(struct trace *t);
void trace_close(struct trace *t);

/* A position in the stream. */
struct trace_mark {
	uint64_t count, lost;
};

void trace_mark(struct trace *t, struct trace_mark *m);
/*
 * Copy up to @max records of @point since @m whose first value is @key. -1 if
 * the answer is unknown: the tracepoint is absent, records were lost, or there
 * are none and not all CPUs are traced.
 */
int trace_since(struct trace *t, const struct trace_mark *m,
		enum trace_point point, uint64_t key, struct trace_record *out,
		unsigned int max);

/* "kvm:kvm_pvclock_update". */
const char *trace_point_name(enum trace_point p);

/* ---- between trace.c, trace_ring.c and the tests ------------------------ */

struct trace_ring {
	enum trace_point point;
	int fd;
	void *map; /* perf's control page and TRACE_DATA bytes; NULL */
};

#define TRACE_DATA 32768 /* a power of two */

int trace_ring_open(struct trace_ring *r, enum trace_point point, uint64_t id,
		    int cpu, struct err *e);
void trace_ring_close(struct trace_ring *r);
/* Call @fn with the raw data of each new record, or with NULL where some were
 * lost. */
void trace_ring_drain(struct trace_ring *r,
		      void (*fn)(void *arg, const uint8_t *raw, uint32_t size),
		      void *arg);
/* Parse a tracepoint's raw data; false if it is too short. */
bool trace_parse(const struct tracefs_field *fields, const uint8_t *raw,
		 uint32_t size, struct trace_record *out);

#endif
