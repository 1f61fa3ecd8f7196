/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trigger memory failure on a page of the guest. The kernel requires
 * CAP_SYS_ADMIN at each use (mm/hwpoison-inject.c, hwpoison_inject;
 * mm/madvise.c, madvise_inject_error), so a separate process keeps that one
 * capability and serves only the requests below. A poisoned page is lost to the
 * host until a reboot, or until its pfn is written to
 * /sys/kernel/debug/hwpoison/unpoison-pfn.
 */
#ifndef GPCVM_POISON_H
#define GPCVM_POISON_H

#include <stdint.h>

#include "base/err.h"
#include "host/sandbox.h"

struct poisoner;

struct poisoned {
	uint64_t pfn;	/* 0: unknown */
	const char *by; /* "corrupt-pfn", "MADV_HWPOISON" */
	/* The kernel's result, 0 or an errno. It may poison the page and still
	 * return EBUSY, as it does for every folio of a gmem file up to 6.12 at
	 * least (mm/memory-failure.c, has_extra_refcount, after
	 * kvm_gmem_error_folio left the folio in place). */
	int answer;
};

/* Host addresses. */
struct poison_range {
	uintptr_t start, end;
};

/* Start the process under @s, while the caller still has the capability. It
 * accepts pages of @ranges only. */
int poison_open(struct poisoner **out, const struct poison_range *ranges,
		unsigned int nr, const struct sandbox *s, struct err *e);
pid_t poison_pid(const struct poisoner *p);
/* NULL is allowed. */
void poison_close(struct poisoner *p);

/*
 * Poison the page mapped at @hva, which must be in a slot and which the caller
 * keeps mapped. Uses the pfn if the kernel accepts one, else the address. Waits
 * at most 10 s. Errors: unsupported (with the reason), os.
 */
int poison_mapped(struct poisoner *p, uintptr_t hva, struct poisoned *out,
		  struct err *e);
/* Poison the page with @pfn, which the caller knows to be the guest's. */
int poison_by_pfn(struct poisoner *p, uint64_t pfn, struct poisoned *out,
		  struct err *e);

#endif
