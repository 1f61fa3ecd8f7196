// SPDX-License-Identifier: GPL-2.0-only
/* Rings of samples that the kernel fills: perf_event_open(2). */
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "host/trace.h"

int trace_ring_open(struct trace_ring *r, enum trace_point point, uint64_t id,
		    int cpu, struct err *e)
{
	/* Inherited, to cover threads created later. An inherited event can
	 * only be mapped if it is for one CPU (kernel/events/core.c,
	 * perf_mmap). */
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_RAW,
		.inherit = 1,
	};
	void *map;

	r->point = point;
	r->fd = (int)syscall(SYS_perf_event_open, &attr, 0, cpu, -1,
			     PERF_FLAG_FD_CLOEXEC);
	if (r->fd < 0)
		return err_os(e, errno, "perf_event_open of a tracepoint");
	map = mmap(NULL, PAGE_SIZE + TRACE_DATA, PROT_READ | PROT_WRITE,
		   MAP_SHARED, r->fd, 0);
	if (map != MAP_FAILED) {
		r->map = map;
		return 0;
	}
	err_os(e, errno, "mmap of a perf event");
	close(r->fd);
	return -1;
}

void trace_ring_close(struct trace_ring *r)
{
	munmap(r->map, PAGE_SIZE + TRACE_DATA);
	close(r->fd);
}

/* Copy out of the ring, across its end. */
static void copy_out(const uint8_t *data, uint64_t at, void *to, size_t len)
{
	const size_t from = at % TRACE_DATA;
	const size_t first = len < TRACE_DATA - from ? len : TRACE_DATA - from;

	memcpy(to, data + from, first);
	memcpy((uint8_t *)to + first, data, len - first);
}

/* Parse PERF_RECORD_SAMPLE (include/uapi/linux/perf_event.h): u32 size, the
 * data. */
static void one_sample(const uint8_t *record, size_t len,
		       void (*fn)(void *arg, const uint8_t *raw, uint32_t size),
		       void *arg)
{
	const size_t at = sizeof(struct perf_event_header) + 4;
	uint32_t size = 0;

	if (len >= at)
		memcpy(&size, record + at - 4, 4);
	if (size && at + size <= len)
		fn(arg, record + at, size);
}

void trace_ring_drain(struct trace_ring *r,
		      void (*fn)(void *arg, const uint8_t *raw, uint32_t size),
		      void *arg)
{
	struct perf_event_mmap_page *page = r->map;
	const uint8_t *data = (const uint8_t *)r->map + PAGE_SIZE;
	const uint64_t head =
		__atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = page->data_tail;
	struct perf_event_header h;
	uint8_t record[512];

	for (; head - tail >= sizeof(h); tail += h.size) {
		copy_out(data, tail, &h, sizeof(h));
		if (h.size < sizeof(h) || h.size > head - tail)
			break;
		if (h.type == PERF_RECORD_LOST)
			fn(arg, NULL, 0);
		if (h.type != PERF_RECORD_SAMPLE || h.size > sizeof(record))
			continue;
		copy_out(data, tail, record, h.size);
		one_sample(record, h.size, fn, arg);
	}
	__atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
}
