// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "num.h"
#include "poison.h"
#include "privs.h"
#include "sigbus.h"

#define CORRUPT_PFN "/sys/kernel/debug/hwpoison/corrupt-pfn"
#define WAIT_S	    10

enum stage { IDLE, ASKED, BUSY, ANSWERED, QUIT };

struct range {
	uintptr_t start, end;
};

struct poisoner {
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows down to the answer */
	pthread_cond_t cond;
	enum stage stage;
	bool up;	/* the thread has its capability, or failed to */
	bool awaited;	/* who asked still waits for the answer */
	uintptr_t hva;	/* 0: by pfn */
	uint64_t pfn;	/* in where there is no hva; out */
	const char *by; /* out */
	int result;	/* out: 0 or errno */
	int answer;	/* out: the kernel's */
	struct err err; /* why it is not up */

	/* Fixed before the thread is made. */
	int corrupt; /* -1: not there, for this reason: */
	int corrupt_errno;
	int pagemap, kpageflags; /* -1 */
	unsigned int nr;
	struct range ranges[MEM_MAX_SLOTS];
};

/* ---- the thread --------------------------------------------------------- */

static bool inside(const struct poisoner *p, uintptr_t hva)
{
	if (hva & (PAGE_SIZE - 1))
		return false;
	for (unsigned int i = 0; i < p->nr; i++)
		if (hva >= p->ranges[i].start && hva < p->ranges[i].end)
			return true;
	return false;
}

static int corrupt_pfn(const struct poisoner *p, uint64_t pfn)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "0x%" PRIx64 "\n", pfn);

	if (write(p->corrupt, text, (size_t)n) == n)
		return 0;
	return errno;
}

/* Documentation/admin-guide/mm/pagemap.rst */
static uint64_t pfn_of(const struct poisoner *p, uintptr_t hva)
{
	uint64_t entry;

	if (pread(p->pagemap, &entry, sizeof(entry),
		  (off_t)(hva / PAGE_SIZE * sizeof(entry))) != sizeof(entry) ||
	    !(entry >> 63))
		return 0;
	return entry & ((UINT64_C(1) << 55) - 1);
}

/* Documentation/admin-guide/mm/pagemap.rst: bit 19 is HWPOISON. */
static bool is_poisoned(const struct poisoner *p)
{
	uint64_t flags;

	return p->pfn &&
	       pread(p->kpageflags, &flags, sizeof(flags),
		     (off_t)(p->pfn * sizeof(flags))) == sizeof(flags) &&
	       flags >> 19 & 1;
}

/* The request is in the stage BUSY: nobody else touches it. */
static int inject(struct poisoner *p)
{
	if (!p->hva) {
		p->by = "corrupt-pfn";
		return p->corrupt < 0 ? p->corrupt_errno
				      : corrupt_pfn(p, p->pfn);
	}
	if (!inside(p, p->hva))
		return EFAULT;
	p->pfn = pfn_of(p, p->hva);
	if (p->corrupt >= 0 && p->pfn) {
		p->by = "corrupt-pfn";
		return corrupt_pfn(p, p->pfn);
	}
	p->by = "MADV_HWPOISON";
	return madvise((void *)p->hva, PAGE_SIZE, MADV_HWPOISON) ? errno : 0;
}

static void serve(struct poisoner *p)
{
	p->answer = inject(p);
	p->result = p->answer == EBUSY && is_poisoned(p) ? 0 : p->answer;
}

static void *thread(void *arg)
{
	struct poisoner *p = arg;
	uintptr_t bus;

	/* MADV_HWPOISON signals who calls it. */
	sigbus_catch(&bus);
	pthread_mutex_lock(&p->lock);
	if (privs_keep(CAP_SYS_ADMIN, &p->err))
		p->stage = QUIT;
	p->up = true;
	pthread_cond_broadcast(&p->cond);
	while (p->stage != QUIT) {
		if (p->stage != ASKED) {
			pthread_cond_wait(&p->cond, &p->lock);
			continue;
		}
		p->stage = BUSY;
		pthread_mutex_unlock(&p->lock);
		serve(p);
		__atomic_store_n(&bus, 0, __ATOMIC_RELEASE);
		pthread_mutex_lock(&p->lock);
		if (p->stage == BUSY)
			p->stage = p->awaited ? ANSWERED : IDLE;
		pthread_cond_broadcast(&p->cond);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* ---- who asks ----------------------------------------------------------- */

static void release(struct poisoner *p)
{
	if (p->corrupt >= 0)
		close(p->corrupt);
	if (p->pagemap >= 0)
		close(p->pagemap);
	if (p->kpageflags >= 0)
		close(p->kpageflags);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->cond);
	free(p);
}

static int start(struct poisoner *p, struct err *e)
{
	int r = pthread_create(&p->thread, NULL, thread, p);

	if (r)
		return err_os(e, r, "the thread for --poison");
	pthread_mutex_lock(&p->lock);
	while (!p->up)
		pthread_cond_wait(&p->cond, &p->lock);
	r = p->err.kind ? -1 : 0;
	pthread_mutex_unlock(&p->lock);
	if (!r)
		return 0;
	pthread_join(p->thread, NULL);
	return err_set(e, p->err.kind, 0,
		       "--poison needs CAP_SYS_ADMIN, to keep it for one "
		       "thread: start gpcvm as root, or without --poison (%s)",
		       p->err.msg);
}

int poison_open(struct poisoner **out, const struct memory *m, struct err *e)
{
	struct poisoner *p = calloc(1, sizeof(*p));

	if (!p)
		return err_os(e, ENOMEM, "memory for --poison");
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->cond, NULL);
	p->corrupt = open(CORRUPT_PFN, O_WRONLY | O_CLOEXEC);
	p->corrupt_errno = p->corrupt < 0 ? errno : 0;
	p->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	p->kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	for (; p->nr < m->nr_slots; p->nr++) {
		uintptr_t hva = (uintptr_t)m->slots[p->nr].hva;

		p->ranges[p->nr] =
			(struct range){ hva, hva + m->slots[p->nr].size };
	}
	if (start(p, e)) {
		release(p);
		return -1;
	}
	*out = p;
	return 0;
}

void poison_close(struct poisoner *p)
{
	bool busy;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	busy = p->stage == BUSY;
	p->stage = QUIT;
	pthread_cond_broadcast(&p->cond);
	pthread_mutex_unlock(&p->lock);
	/* It does not come out of the kernel: it goes with the process. */
	if (busy)
		return;
	pthread_join(p->thread, NULL);
	release(p);
}

static int wait_until(struct poisoner *p, enum stage stage,
		      const struct timespec *until)
{
	while (p->stage != stage)
		if (pthread_cond_timedwait(&p->cond, &p->lock, until))
			return -1;
	return 0;
}

/* Wait for the turn, hand it over and wait. Returns 0, an errno, or -1 and
 * @e. */
static int ask(struct poisoner *p, uintptr_t hva, uint64_t pfn,
	       struct poisoned *out, struct err *e)
{
	struct timespec until;
	int r;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&p->lock);
	r = wait_until(p, IDLE, &until);
	if (!r) {
		p->hva = hva;
		p->pfn = pfn;
		p->stage = ASKED;
		p->awaited = true;
		pthread_cond_broadcast(&p->cond);
		r = wait_until(p, ANSWERED, &until);
		p->awaited = false;
	}
	if (!r) {
		*out = (struct poisoned){ p->pfn, p->by, p->answer };
		r = p->result;
		p->stage = IDLE;
		pthread_cond_broadcast(&p->cond);
	}
	pthread_mutex_unlock(&p->lock);
	return r < 0 ? err_state(e,
				 "the kernel has not come back from a memory "
				 "failure within %d s",
				 WAIT_S)
		     : r;
}

int poison_mapped(struct poisoner *p, uintptr_t hva, struct poisoned *out,
		  struct err *e)
{
	int r = -1;

	/* A length of 0 asks only whether the kernel knows the advice. */
	if (madvise((void *)hva, 0, MADV_HWPOISON))
		return err_unsupported(
			e, "this kernel has no memory failure "
			   "(CONFIG_MEMORY_FAILURE): MADV_HWPOISON is unknown "
			   "to it");
	r = ask(p, hva, 0, out, e);
	return r > 0 ? err_os(e, r, "memory failure through %s, pfn 0x%" PRIx64,
			      out->by, out->pfn)
		     : r;
}

int poison_by_pfn(struct poisoner *p, uint64_t pfn, struct poisoned *out,
		  struct err *e)
{
	int r;

	if (p->corrupt < 0)
		return err_unsupported(
			e,
			"a private page can only be reached by its pfn, through " CORRUPT_PFN
			" (CONFIG_HWPOISON_INJECT): %s",
			strerrordesc_np(p->corrupt_errno));
	r = ask(p, 0, pfn, out, e);
	return r > 0 ? err_os(e, r, "memory failure through %s, pfn 0x%" PRIx64,
			      out->by, out->pfn)
		     : r;
}
