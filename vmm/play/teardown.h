/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is memory of a machine left behind when it has ended? The folios of a gmem
 * file are unevictable (virt/kvm/guest_memfd.c, mapping_set_unevictable()) until
 * the last reference to them is gone, and nearly nothing else is unevictable
 * that is not mlock()ed. So what is counted is the pages that are unevictable
 * and not mlocked, before the first machine and after the last; and for other
 * memory, what host_memory.h has.
 */
#ifndef GPCVM_TEARDOWN_H
#define GPCVM_TEARDOWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "play/host_memory.h"

struct teardown_count {
	bool known;
	char why[160]; /* where it is not */
	long pages;    /* unevictable and not mlocked */
	struct host_memory host;
	long noise;	 /* by how much host.lost went up and down, before */
	char locker[24]; /* the pid of somebody who has memory locked, or "" */
};

/*
 * What somebody who keeps memory locked makes the count vary by, for as long as
 * he likes: a page that he has unlocked may stay among the unevictable ones
 * until reclaim finds it (mm/mlock.c, __munlock_folio(), "stranded"). Seen: 30.
 */
#define TEARDOWN_DOUBT 256 /* pages */

/*
 * Count what is there before. A page that somebody else locks just now is
 * counted as mlocked at once, but as unevictable only when its CPU's batch is
 * drained (mm/mlock.c, mlock_folio()): then there seem to be fewer. So the most
 * of several counts is taken.
 */
void teardown_count_before(struct teardown_count *c, const char *proc);
/* Count. @proc: where /proc is. Not known: somebody else has a VM, or may
 * have one that we do not see; or a ramfs may be written to, whose pages look
 * the same. */
void teardown_count(struct teardown_count *c, const char *proc);

/* Have the kernel bring its counters up to date: the per-CPU parts (vmstat) and
 * what waits in each CPU's folio batches (mm/swap.c, lru_add_drain()). */
void teardown_settle(void);

/* The unevictable pages that are there @after and were not @before; 0: none, or
 * one of the two is not known. */
long teardown_pages(const struct teardown_count *before,
		    const struct teardown_count *after);

/*
 * The kernel's drivers take pages that no counter has: as many as they need to
 * carry on with. Seen: 140 up and down, on a machine with ten times more to do
 * than CPUs. This and four times what was seen before is no luck.
 */
#define TEARDOWN_LOST 1024 /* pages */

struct teardown_found {
	long unevictable; /* teardown_pages() */
	long unmapped;	  /* anonymous pages that no page table maps */
	long lost;	  /* that no counter has; only if that is no luck */
};

/* What is there @after and was not @before. Has all pages looked at where the
 * counters say that there are more unmapped ones. */
void teardown_find(struct teardown_found *f,
		   const struct teardown_count *before,
		   const struct teardown_count *after, const char *proc);
long teardown_found_pages(const struct teardown_found *f);

/* Could so many pages be those of somebody who has memory locked? Then @why. */
bool teardown_in_doubt(const struct teardown_count *after, long pages,
		       char *why, size_t size);

/* Has a process other than @own a VM, as far as can be seen? Then its @pid. */
bool teardown_other_vm(const char *proc, pid_t own, char pid[static 24]);

/* Is KVM's directory of a VM of process @pid still in @debugfs ("kvm/PID-FD")? */
int teardown_vm_left(const char *debugfs, pid_t pid);

#endif
