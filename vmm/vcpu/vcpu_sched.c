// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "vcpu/vcpu_sched.h"

#define MOST_STATS 512

void vcpu_sched_close(struct vcpu *v)
{
	if (v->stats >= 0)
		close(v->stats);
}

int vcpu_run_delay(const struct vcpu *v, uint64_t *ns)
{
	char text[96], *at, *end;
	/* Needs CONFIG_SCHED_INFO, as steal time does. */
	ssize_t n = pread(v->task.schedstat, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	/* Documentation/scheduler/sched-stats.rst: on a CPU, waiting, turns. */
	strtoull(text, &at, 10);
	*ns = strtoull(at, &end, 10);
	return end != at ? 0 : -EINVAL;
}

/* The offset of the value in the file, or 0. */
static uint64_t find_stat(int fd, const struct kvm_stats_header *h,
			  const char *name)
{
	const size_t size = sizeof(struct kvm_stats_desc) + h->name_size;
	struct kvm_stats_desc *d = calloc(1, size + 1);
	uint64_t at = 0;

	for (uint32_t i = 0; d && i < h->num_desc && i < MOST_STATS; i++) {
		if (pread(fd, d, size, (off_t)(h->desc_offset + i * size)) !=
		    (ssize_t)size)
			break;
		if (strcmp(d->name, name))
			continue;
		at = h->data_offset + d->offset;
		break;
	}
	free(d);
	return at;
}

int vcpu_stats_open(struct vcpu *v)
{
	struct kvm_stats_header h;

	if (v->stats >= 0)
		return 0;
	if (v->stats == VCPU_STATS_NONE)
		return -ENODATA;
	v->stats = kvm_get_stats_fd(v->fd);
	if (v->stats >= 0 && pread(v->stats, &h, sizeof(h), 0) == sizeof(h) &&
	    h.name_size < 256) {
		v->stat_at[0] = find_stat(v->stats, &h, "preemption_reported");
		v->stat_at[1] = find_stat(v->stats, &h, "preemption_other");
	}
	if (v->stat_at[0] && v->stat_at[1])
		return 0;
	if (v->stats >= 0)
		close(v->stats);
	v->stats = VCPU_STATS_NONE;
	return -ENODATA;
}

int vcpu_preempted(const struct vcpu *v, struct vcpu_preempted *n)
{
	if (pread(v->stats, &n->in_guest, sizeof(n->in_guest),
		  (off_t)v->stat_at[0]) == sizeof(n->in_guest) &&
	    pread(v->stats, &n->elsewhere, sizeof(n->elsewhere),
		  (off_t)v->stat_at[1]) == sizeof(n->elsewhere))
		return 0;
	return -EIO;
}
