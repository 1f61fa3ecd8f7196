// SPDX-License-Identifier: GPL-2.0-only
#include <stdatomic.h>
#include <string.h>

#include "base/units.h"
#include "machine/bus.h"

int bus_claim(struct bus *b, const struct bus_range *r)
{
	if (b->nr == BUS_MAX)
		return -1;
	for (unsigned int i = 0; i < b->nr; i++) {
		const struct bus_range *o = &b->ranges[i];

		if (ranges_overlap(r->port, r->count, o->port, o->count))
			return -1;
	}
	b->ranges[b->nr++] = *r;
	return 0;
}

static const struct bus_range *find_range(const struct bus *b, uint16_t port)
{
	for (unsigned int i = 0; i < b->nr; i++) {
		const struct bus_range *r = &b->ranges[i];

		if (port >= r->port && port - r->port < r->count)
			return r;
	}
	return NULL;
}

bool bus_access(struct bus *b, struct vcpu *v, uint16_t port, unsigned int size,
		unsigned int count, bool write, uint8_t *data)
{
	const struct bus_range *r = find_range(b, port);
	uint64_t bit = UINT64_C(1) << (port % 64);

	if (r) {
		for (; count; count--, data += size)
			r->access(r->arg, v, port, size, write, data);
		return true;
	}
	if (!write)
		memset(data, 0xff, (size_t)size * count);
	return atomic_fetch_or(&b->seen[port / 64], bit) & bit;
}
