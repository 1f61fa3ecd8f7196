/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The leak check: does memory of a machine remain after its end? The folios of a
 * gmem file are unevictable (virt/kvm/guest_memfd.c, mapping_set_unevictable())
 * until their last reference is gone, and nearly nothing else is unevictable but
 * not mlock()ed. So this counts the pages that are unevictable and not mlocked,
 * before the first machine and after the last; and for other memory, what
 * host_memory.h counts.
 */
#ifndef GPCVM_TEARDOWN_H
#define GPCVM_TEARDOWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "play/host_memory.h"

struct teardown_count {
	bool known;
	char why[160]; /* if not */
	long pages;    /* unevictable and not mlocked */
	struct host_memory host;
	long noise;	 /* how much host.lost varied before the machines */
	char locker[24]; /* the pid of a process with locked memory, or "" */
};

/*
 * How much a process that locks memory makes the count vary: a page that it has
 * unlocked may stay unevictable until reclaim finds it (mm/mlock.c,
 * __munlock_folio(), "stranded"). Seen: 30.
 */
#define TEARDOWN_DOUBT 256 /* pages */

/*
 * Count before the first machine. A page that another process locks just now counts
 * as mlocked at once, but as unevictable only after its CPU's batch is drained
 * (mm/mlock.c, mlock_folio()), which makes a count too low. So the highest of
 * several counts is used.
 */
void teardown_count_before(struct teardown_count *c, const char *proc);
/* Count, with /proc at @proc. Not known if another process has a VM, or may have one
 * that we do not see; or if there is a writable ramfs, whose pages look the same. */
void teardown_count(struct teardown_count *c, const char *proc);

/* Have the kernel update its counters: fold the per-CPU parts of vmstat and drain
 * the folio batches of each CPU (mm/swap.c, lru_add_drain()). */
void teardown_settle(void);

/* How many more unevictable pages there are @after than @before; 0 if either is not
 * known. */
long teardown_pages(const struct teardown_count *before,
		    const struct teardown_count *after);

/*
 * The kernel's drivers use pages that are in no counter. Seen: 140 up and down, on a
 * host with a load of ten per CPU. More than this plus four times the noise that was
 * measured before is a leak.
 */
#define TEARDOWN_LOST 1024 /* pages */

struct teardown_found {
	long unevictable; /* teardown_pages() */
	long unmapped;	  /* anonymous pages that no page table maps */
	long lost;	  /* in no counter, and too many for noise */
};

/* Find what there is more @after than @before. Scans all pages if the counters have
 * more unmapped ones. */
void teardown_find(struct teardown_found *f,
		   const struct teardown_count *before,
		   const struct teardown_count *after, const char *proc);
long teardown_found_pages(const struct teardown_found *f);

/* May @pages be due to a process with locked memory? Then sets @why. */
bool teardown_in_doubt(const struct teardown_count *after, long pages,
		       char *why, size_t size);

/* Does a process other than @own have a VM, as far as we see? Then sets @pid. */
bool teardown_other_vm(const char *proc, pid_t own, char pid[static 24]);

/* Does KVM still have a VM of process @pid ("kvm/PID-FD" in @debugfs)? Returns -1
 * with errno if the directory cannot be read. */
int teardown_vm_left(const char *debugfs, pid_t pid);

#endif
