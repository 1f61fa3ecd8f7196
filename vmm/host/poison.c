// SPDX-License-Identifier: GPL-2.0-only
/*
 * MADV_HWPOISON acts on the caller's own mappings, and no other process can map
 * private anonymous memory. So the poisoner shares the machine's memory
 * (CLONE_VM) and nothing else: it has its own credentials, file table and
 * seccomp filter. An attacker who controls the machine can make it run any
 * code, so the filter must suffice to contain it: allow_poisoner() in
 * filters/compile.c.
 *
 * It also shares the thread-local storage of the thread that created it,
 * including errno: its system calls are made here, in assembler.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "config/plan.h"
#include "host/poison.h"

#define CORRUPT_PFN "/sys/kernel/debug/hwpoison/corrupt-pfn"
#define WAIT_S	    10
#define STACK	    (64 * KIB)

struct question {
	uint64_t seq;
	uintptr_t hva; /* 0: by pfn */
	uint64_t pfn;
};

struct answer {
	uint64_t seq, pfn;
	bool by_madvise; /* else by corrupt-pfn */
	int result;	 /* 0 or errno */
	int answer;	 /* from the kernel */
};

struct poisoner {
	pid_t pid;
	int fd;		      /* the process's socket; owned */
	pthread_mutex_t lock; /* one question at a time */
	uint64_t seq;	      /* of the last question */
	bool lost;	      /* it did not answer in time */
	uint8_t *stack;	      /* owned */

	/* Set before the process is created. */
	int corrupt_errno; /* 0: the file exists */
	struct poison_files files;
	struct sandbox_filter filter; /* prog.len 0: none */
	struct identity id;	      /* the user to become; uid 0: unchanged */
	unsigned int nr;
	struct poison_range ranges[MEM_MAX_SLOTS];
};

/* ---- the process -------------------------------------------------------- */

static long raw_syscall(long nr, long a, long b, long c, long d)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = 0;
	long ret;

	asm volatile("syscall"
		     : "=a"(ret)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
		     : "rcx", "r11", "memory");
	return ret;
}

static bool in_ranges(const struct poisoner *p, uintptr_t hva)
{
	if (hva & (PAGE_SIZE - 1))
		return false;
	for (unsigned int i = 0; i < p->nr; i++)
		if (hva >= p->ranges[i].start && hva < p->ranges[i].end)
			return true;
	return false;
}

/* Returns 0 or an errno. */
static int corrupt_pfn(const struct poisoner *p, uint64_t pfn)
{
	static const char digits[] = "0123456789abcdef";
	char text[20] = "0x";
	int n = 2;
	long r;

	for (int shift = 60; shift >= 0; shift -= 4)
		text[n++] = digits[pfn >> shift & 15];
	text[n++] = '\n';
	r = raw_syscall(SYS_write, p->files.corrupt, (long)text, n, 0);
	return r < 0 ? (int)-r : 0;
}

static bool read_entry(int fd, uint64_t *to, uint64_t index)
{
	return raw_syscall(SYS_pread64, fd, (long)to, sizeof(*to),
			   (long)(index * sizeof(*to))) == sizeof(*to);
}

/* Return the pfn, or 0 (Documentation/admin-guide/mm/pagemap.rst). */
static uint64_t pfn_of(const struct poisoner *p, uintptr_t hva)
{
	uint64_t entry = 0;

	if (!read_entry(p->files.pagemap, &entry, hva / PAGE_SIZE) ||
	    !(entry >> 63))
		return 0;
	return entry & ((UINT64_C(1) << 55) - 1);
}

/* Documentation/admin-guide/mm/pagemap.rst: bit 19 is HWPOISON. */
static bool is_poisoned(const struct poisoner *p, uint64_t pfn)
{
	uint64_t flags = 0;

	return pfn && read_entry(p->files.kpageflags, &flags, pfn) &&
	       flags >> 19 & 1;
}

/* Returns 0 or an errno. */
static int poison_page(const struct poisoner *p, const struct question *q,
		       struct answer *a)
{
	a->pfn = q->pfn;
	a->by_madvise = false;
	if (!q->hva)
		return p->corrupt_errno ?: corrupt_pfn(p, q->pfn);
	if (!in_ranges(p, q->hva))
		return EFAULT;
	a->pfn = pfn_of(p, q->hva);
	if (!p->corrupt_errno && a->pfn)
		return corrupt_pfn(p, a->pfn);
	a->by_madvise = true;
	return (int)-raw_syscall(SYS_madvise, (long)q->hva, PAGE_SIZE,
				 MADV_HWPOISON, 0);
}

static void ignore_sigbus(int sig)
{
	(void)sig; /* MADV_HWPOISON signals its caller */
}

/* Close all but the four files; glibc has close_range() only since 2.34. */
static void poisoner_close_others(const struct poison_files *f)
{
	const int keep[] = { f->fd, f->corrupt, f->pagemap, f->kpageflags };
	int low = f->fd, high = f->fd;

	for (unsigned int i = 0; i < ARRAY_SIZE(keep); i++) {
		if (keep[i] >= 0 && keep[i] < low)
			low = keep[i];
		if (keep[i] > high)
			high = keep[i];
	}
	for (int fd = low; fd < high; fd++)
		if (fd != keep[0] && fd != keep[1] && fd != keep[2] &&
		    fd != keep[3])
			raw_syscall(SYS_close, fd, 0, 0, 0);
	raw_syscall(SYS_close_range, 0, low - 1, 0, 0);
	raw_syscall(SYS_close_range, high + 1, UINT32_MAX, 0, 0);
}

/* Keep only CAP_SYS_ADMIN, which the kernel requires at each use. Returns 0 or
 * an errno. */
static int keep_one_right(const struct poisoner *p)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	const uint32_t bit = 1U << CAP_SYS_ADMIN;
	struct __user_cap_data_struct d[2] = { { bit, bit, 0 } };
	const long uid = p->id.uid, gid = p->id.gid;
	long r = 0;

	for (long c = 0; !raw_syscall(SYS_prctl, PR_CAPBSET_DROP, c, 0, 0); c++)
		;
	if (uid) {
		raw_syscall(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0);
		r = raw_syscall(SYS_setresgid, gid, gid, gid, 0);
		if (!r)
			r = raw_syscall(SYS_setgroups, 0, 0, 0, 0);
		if (!r)
			r = raw_syscall(SYS_setresuid, uid, uid, uid, 0);
		if (r == -EINVAL) /* a user namespace without that uid */
			r = 0;
	}
	if (!r)
		r = raw_syscall(SYS_capset, (long)&h, (long)d, 0, 0);
	if (!r)
		r = raw_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0);
	if (!r && p->filter.prog.len)
		r = raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
				(long)&p->filter.prog, 0);
	return (int)-r;
}

/* Runs until the other end of its socket is closed, at the latest by the end of
 * the machine. */
static int poisoner_main(void *arg)
{
	const struct poisoner *p = arg;
	struct sigaction sa = { .sa_handler = ignore_sigbus };
	struct answer a = { 0 };
	struct question q = { 0 };
	const int fd = p->files.fd;

	/* The only call through the C library; the thread whose errno it may
	 * set waits for the first answer. */
	sigaction(SIGBUS, &sa, NULL);
	raw_syscall(SYS_prctl, PR_SET_NAME, (long)"poisoner", 0, 0);
	poisoner_close_others(&p->files);
	a.result = keep_one_right(p);
	while (raw_syscall(SYS_write, fd, (long)&a, sizeof(a), 0) ==
		       sizeof(a) &&
	       raw_syscall(SYS_read, fd, (long)&q, sizeof(q), 0) == sizeof(q)) {
		a.seq = q.seq;
		a.answer = poison_page(p, &q, &a);
		a.result = a.answer == EBUSY && is_poisoned(p, a.pfn)
				   ? 0
				   : a.answer;
	}
	return 0;
}

/* ---- the machine's side
 * --------------------------------------------------- */

/* Wait for the answer to @seq; -1 if there is none before @until (now_ns). */
static int wait_answer(const struct poisoner *p, uint64_t seq, uint64_t until,
		       struct answer *a)
{
	struct pollfd fd = { .fd = p->fd, .events = POLLIN };
	uint64_t now;

	while ((now = now_ns()) < until) {
		if (poll(&fd, 1, (int)((until - now) / NS_PER_MS) + 1) <= 0)
			continue;
		if (recv(p->fd, a, sizeof(*a), MSG_DONTWAIT) != sizeof(*a))
			return -1;
		if (a->seq == seq) /* else a late answer */
			return 0;
	}
	return -1;
}

/* The numbers stay valid: the poisoner uses them for its own copies. */
static void close_files(const struct poison_files *f)
{
	const int fds[] = { f->fd, f->corrupt, f->pagemap, f->kpageflags };

	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void poisoner_free(struct poisoner *p)
{
	if (p->pid <= 0)
		close_files(&p->files);
	if (p->stack)
		munmap(p->stack, STACK);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static int poisoner_start(struct poisoner *p, struct err *e)
{
	struct answer a;

	p->pid = clone(poisoner_main, p->stack + STACK, CLONE_VM | SIGCHLD, p);
	if (p->pid < 0)
		return err_os(e, errno, "the process for --poison");
	p->lost = wait_answer(p, 0, now_ns() + WAIT_S * NS_PER_SEC, &a);
	if (p->lost)
		return err_state(e, "the process for --poison did not start");
	close_files(&p->files);
	return a.result ? err_os(e, a.result,
				 "--poison requires CAP_SYS_ADMIN: start gpcvm "
				 "as root, or without --poison")
			: 0;
}

static int poisoner_prepare(struct poisoner *p, bool filter, struct err *e)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return err_os(e, errno, "socketpair for --poison");
	p->fd = fds[0];
	p->files.fd = fds[1];
	p->files.corrupt = open(CORRUPT_PFN, O_WRONLY | O_CLOEXEC);
	p->corrupt_errno = p->files.corrupt < 0 ? errno : 0;
	p->files.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	p->files.kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	p->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (p->stack == MAP_FAILED) {
		p->stack = NULL;
		return err_os(e, ENOMEM, "a stack for --poison");
	}
	if (filter)
		sandbox_filter(SANDBOX_POISONER, &p->files, &p->filter);
	return 0;
}

int poison_open(struct poisoner **out, const struct poison_range *ranges,
		unsigned int nr, const struct sandbox *s, struct err *e)
{
	struct poisoner *p = calloc(1, sizeof(*p));

	if (!p)
		return err_os(e, ENOMEM, "memory for --poison");
	pthread_mutex_init(&p->lock, NULL);
	p->fd = p->files.fd = p->files.corrupt = -1;
	p->files.pagemap = p->files.kpageflags = -1;
	p->id = s->no_filters ? (struct identity){ 0 } : privs_target();
	memcpy(p->ranges, ranges, nr * sizeof(*ranges));
	p->nr = nr;
	if (poisoner_prepare(p, !s->no_filters, e) || poisoner_start(p, e)) {
		poison_close(p);
		return -1;
	}
	*out = p;
	return 0;
}

void poison_close(struct poisoner *p)
{
	if (!p)
		return;
	/* The poisoner reads end of file, and exits. */
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	if (p->pid > 0 && p->lost) {
		kill(p->pid, SIGKILL); /* once it leaves the kernel */
		return;
	}
	if (p->pid > 0)
		waitpid(p->pid, NULL, 0);
	poisoner_free(p);
}

pid_t poison_pid(const struct poisoner *p)
{
	return p->pid;
}

/* Ask and wait for the answer. Returns 0, an errno, or -1 and @e. */
static int poisoner_ask(struct poisoner *p, uintptr_t hva, uint64_t pfn,
			struct poisoned *out, struct err *e)
{
	const uint64_t until = now_ns() + WAIT_S * NS_PER_SEC;
	struct question q = { .hva = hva, .pfn = pfn };
	struct answer a;
	int r;

	pthread_mutex_lock(&p->lock);
	q.seq = ++p->seq;
	r = send(p->fd, &q, sizeof(q), MSG_NOSIGNAL) < 0 ||
	    wait_answer(p, q.seq, until, &a);
	p->lost |= r;
	pthread_mutex_unlock(&p->lock);
	if (r)
		return err_state(e,
				 "memory failure timed out: the kernel did not "
				 "return within %d s",
				 WAIT_S);
	*out = (struct poisoned){
		a.pfn, a.by_madvise ? "MADV_HWPOISON" : "corrupt-pfn", a.answer
	};
	return a.result;
}

int poison_mapped(struct poisoner *p, uintptr_t hva, struct poisoned *out,
		  struct err *e)
{
	int r = -1;

	/* Length 0 only checks whether the kernel knows the advice. */
	if (madvise((void *)hva, 0, MADV_HWPOISON))
		return err_unsupported(
			e, "memory failure not supported by this kernel: it "
			   "lacks MADV_HWPOISON (CONFIG_MEMORY_FAILURE)");
	r = poisoner_ask(p, hva, 0, out, e);
	return r > 0 ? err_os(e, r, "memory failure through %s, pfn 0x%" PRIx64,
			      out->by, out->pfn)
		     : r;
}

int poison_by_pfn(struct poisoner *p, uint64_t pfn, struct poisoned *out,
		  struct err *e)
{
	int r;

	if (p->corrupt_errno)
		return err_unsupported(
			e,
			"a private page can only be poisoned by its pfn, "
			"through " CORRUPT_PFN " (CONFIG_HWPOISON_INJECT): %s",
			strerrordesc_np(p->corrupt_errno));
	r = poisoner_ask(p, 0, pfn, out, e);
	return r > 0 ? err_os(e, r, "memory failure through %s, pfn 0x%" PRIx64,
			      out->by, out->pfn)
		     : r;
}
