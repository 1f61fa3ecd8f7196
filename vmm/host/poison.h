/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory failure on a page of the guest. The kernel asks the caller for
 * CAP_SYS_ADMIN each time (mm/hwpoison-inject.c, hwpoison_inject; mm/madvise.c,
 * madvise_inject_error), so a process of its own keeps that one capability, and
 * takes nothing but the requests below.
 *
 * A poisoned page is lost to the host until it reboots, or until its pfn is
 * written to /sys/kernel/debug/hwpoison/unpoison-pfn.
 */
#ifndef GPCVM_POISON_H
#define GPCVM_POISON_H

#include <stdint.h>

#include "base/err.h"
#include "host/sandbox.h"

struct poisoner;

struct poisoned {
	uint64_t pfn;	/* 0: not known */
	const char *by; /* "corrupt-pfn", "MADV_HWPOISON" */
	/* What the kernel answered, 0 or an errno: it may have poisoned the page
	 * and still say EBUSY, as it does for every folio of a gmem file up to
	 * 6.12 at least (mm/memory-failure.c, has_extra_refcount, after
	 * kvm_gmem_error_folio left the folio where it is). */
	int answer;
};

/* Host addresses. */
struct poison_range {
	uintptr_t start, end;
};

/* Start the process, while the caller still has the capability, under @s. It
 * takes pages of @ranges. */
int poison_open(struct poisoner **out, const struct poison_range *ranges,
		unsigned int nr, const struct sandbox *s, struct err *e);
pid_t poison_pid(const struct poisoner *p);
/* NULL: nothing. */
void poison_close(struct poisoner *p);

/*
 * The page that is mapped at @hva, which must be a page of a slot, through its
 * pfn where the kernel takes one, else through its address. The caller sees to
 * it that it stays. Waits at most 10 s. Errors: unsupported (this kernel cannot
 * do it, and why), os.
 */
int poison_mapped(struct poisoner *p, uintptr_t hva, struct poisoned *out,
		  struct err *e);
/* The page with @pfn, of which the caller knows that it is the guest's. */
int poison_by_pfn(struct poisoner *p, uint64_t pfn, struct poisoned *out,
		  struct err *e);

#endif
