// SPDX-License-Identifier: GPL-2.0-only
/*
 * Generate the seccomp filters: which system calls a thread may make. Any other
 * kills the process. Runs when gpcvm is built and prints C; the filters are the
 * same for every process, but for a few numbers that sandbox_filter() fills in.
 *
 * Many calls are made by the C library rather than by gpcvm: malloc() maps,
 * unmaps and trims arenas, pthread_create() needs clone, rseq and
 * set_robust_list, the vDSO falls back to the real call if user space cannot
 * read the clock source (as in the lab), and stdio calls fstat on its files.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"
#include "host/sandbox.h"

/* From linux/fcntl.h; fcntl.h defines it only under some conditions. */
#define AT_EMPTY_PATH_ 0x1000
/* linux/kvm.h, KVMIO: the second byte of an ioctl is its type (asm/ioctl.h). */
#define KVM_TYPE       0xae00
#define TYPE_MASK      0xff00
/* From asm-generic/unistd.h; libseccomp 2.5 does not know the name. */
#define NR_CACHESTAT   451

#define END	       -1

static const int every_thread[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(lseek),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(futex),
	SCMP_SYS(fstat),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getcpu),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(membarrier),
	SCMP_SYS(sysinfo), /* qsort() looks up the size of memory */
	/* memory: punch, residency, and copies through a pipe, where a fault is
	 * an error (host_copy) */
	SCMP_SYS(fallocate),
	SCMP_SYS(mincore),
	NR_CACHESTAT,
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(close),
	END,
};

static const int main_thread[] = {
	/* the loop, the control socket, the keeper */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(accept4),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(wait4),
	SCMP_SYS(dup),
	SCMP_SYS(fcntl),
	/* recordings, delays, --dump-dtb */
	SCMP_SYS(ftruncate),
	SCMP_SYS(fsync),
	SCMP_SYS(pwrite64),
	SCMP_SYS(flock),
	SCMP_SYS(uname),
	SCMP_SYS(getrlimit),
	END,
};

static const int request_thread[] = {
	/* requests to the poisoner */
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	END,
};

/* Whatever else `caps` looks at, and file names. */
static const int keeper[] = {
	SCMP_SYS(openat),
	SCMP_SYS(open),
	SCMP_SYS(close),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(getdents64),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(umask),
	SCMP_SYS(flock),
	SCMP_SYS(fcntl),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(uname),
	SCMP_SYS(geteuid),
	SCMP_SYS(getuid),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(capget), /* privs_drop_kept() */
	SCMP_SYS(capset),
	END,
};

static int allow_all(scmp_filter_ctx c, const int *list)
{
	int r = 0;

	for (; *list != END && !r; list++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, *list, 0);
	return r;
}

/* Allow @nr only if its argument @arg, under @mask, is @value. */
static int allow_if(scmp_filter_ctx c, int nr, unsigned int arg,
		    scmp_datum_t mask, scmp_datum_t value)
{
	return seccomp_rule_add(c, SCMP_ACT_ALLOW, nr, 1,
				SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value));
}

static int refuse_call(scmp_filter_ctx c, int nr, int with)
{
	return seccomp_rule_add(c, SCMP_ACT_ERRNO((uint32_t)with), nr, 0);
}

/* Allow no memory that is writable and executable, no new process, and no
 * signal to others. */
static int allow_threads(scmp_filter_ctx c)
{
	const scmp_datum_t thread = CLONE_THREAD | CLONE_VM;
	int r = allow_if(c, SCMP_SYS(mmap), 2, PROT_EXEC, 0);

	if (!r)
		r = allow_if(c, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	if (!r)
		r = allow_if(c, SCMP_SYS(clone), 0, thread, thread);
	if (!r) /* its flags are in memory: glibc falls back to clone */
		r = refuse_call(c, SCMP_SYS(clone3), ENOSYS);
	if (!r)
		r = allow_if(c, SCMP_SYS(tgkill), 0, UINT32_MAX, SANDBOX_PID);
	if (!r)
		r = allow_if(c, SCMP_SYS(newfstatat), 3, AT_EMPTY_PATH_,
			     AT_EMPTY_PATH_);
	if (!r)
		r = allow_if(c, SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME);
	if (!r)
		r = allow_if(c, SCMP_SYS(prctl), 0, UINT32_MAX, PR_GET_NAME);
	if (!r) /* names memory; glibc ignores errors */
		r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl),
				     1, SCMP_A0(SCMP_CMP_EQ, PR_SET_VMA));
	if (!r)
		r = allow_if(c, SCMP_SYS(ioctl), 1, TYPE_MASK, KVM_TYPE);
	return r ?: allow_all(c, every_thread);
}

/* free() tries to open /proc/sys/vm/overcommit_memory, and copes if it
 * cannot. */
static int allow_machine(scmp_filter_ctx c)
{
	return allow_threads(c) ?: refuse_call(c, SCMP_SYS(openat), EACCES);
}

/* Exclude TIOCSTI: it types at the terminal what its shell then runs. */
static int allow_terminal(scmp_filter_ctx c)
{
	static const scmp_datum_t ioctls[] = {
		TCGETS,	 TCSETS,   TCSETSW,  TCSETSF,	TCGETS2,
		TCSETS2, TCSETSW2, TCSETSF2, TIOCGPGRP,
	};
	int r = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(ioctls) && !r; i++)
		r = allow_if(c, SCMP_SYS(ioctl), 1, UINT32_MAX, ioctls[i]);
	return r;
}

static int allow_main(scmp_filter_ctx c)
{
	int r = allow_machine(c);

	if (!r)
		r = allow_terminal(c);
	if (!r) /* the filters of its threads */
		r = allow_if(c, SCMP_SYS(seccomp), 0, UINT32_MAX, 1);
	if (!r)
		r = allow_if(c, SCMP_SYS(prlimit64), 2, ~UINT64_C(0), 0);
	return r ?: allow_all(c, main_thread);
}

static int allow_keeper(scmp_filter_ctx c)
{
	/* They fail without a capability, but caps tries them. */
	static const int without_right[] = { SCMP_SYS(fsopen),
					     SCMP_SYS(fsconfig),
					     SCMP_SYS(fsmount) };
	int r = allow_threads(c);

	for (unsigned int i = 0; i < ARRAY_SIZE(without_right) && !r; i++)
		r = refuse_call(c, without_right[i], EPERM);
	if (!r) /* AF_UNIX */
		r = allow_if(c, SCMP_SYS(socket), 0, UINT32_MAX, 1);
	if (!r)
		r = allow_terminal(c);
	return r ?: allow_all(c, keeper);
}

static int allow_poisoner(scmp_filter_ctx c)
{
	int r = allow_if(c, SCMP_SYS(madvise), 2, UINT32_MAX, MADV_HWPOISON);

	if (!r)
		r = allow_if(c, SCMP_SYS(read), 0, UINT32_MAX, SANDBOX_ASKER);
	if (!r)
		r = allow_if(c, SCMP_SYS(write), 0, UINT32_MAX, SANDBOX_ASKER);
	if (!r)
		r = allow_if(c, SCMP_SYS(write), 0, UINT32_MAX,
			     SANDBOX_CORRUPT);
	if (!r)
		r = allow_if(c, SCMP_SYS(pread64), 0, UINT32_MAX,
			     SANDBOX_PAGEMAP);
	if (!r)
		r = allow_if(c, SCMP_SYS(pread64), 0, UINT32_MAX,
			     SANDBOX_KPAGEFLAGS);
	if (!r)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigreturn),
				     0);
	if (!r)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(exit), 0);
	return r;
}

static int allow(scmp_filter_ctx c, enum sandbox_kind kind)
{
	/* Optimize to a tree: the kernel runs a new filter once for each system
	 * call (kernel/seccomp.c, seccomp_cache_prepare_bitmap), which with a
	 * list takes longer than creating a thread. */
	int r = seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);

	if (r)
		return r;
	switch (kind) {
	case SANDBOX_MAIN:
		return allow_main(c);
	case SANDBOX_THREAD:
		return allow_machine(c) ?: allow_all(c, request_thread);
	case SANDBOX_KEEPER:
		return allow_keeper(c);
	case SANDBOX_POISONER:
		return allow_poisoner(c);
	default:
		return allow_machine(c);
	}
}

/* Up to 2.5 libseccomp writes to a file only. */
static int print_filter(scmp_filter_ctx c, enum sandbox_kind kind)
{
	FILE *f = tmpfile();
	struct sock_filter i;
	int r = f ? seccomp_export_bpf(c, fileno(f)) : -errno;

	if (r)
		return r;
	rewind(f);
	printf("\t[%d] = {\n", kind);
	while (fread(&i, sizeof(i), 1, f) == 1 && i.code) /* code 0 ends it */
		printf("\t\t{ %#x, %u, %u, %#x },\n", i.code, i.jt, i.jf, i.k);
	puts("\t},");
	return feof(f) ? 0 : -EIO;
}

static int compile_filter(enum sandbox_kind kind)
{
	/* Nobody would see a message of the other processes: kill them at
	 * once. */
	const bool kill = kind == SANDBOX_KEEPER || kind == SANDBOX_POISONER;
	scmp_filter_ctx c =
		seccomp_init(kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_TRAP);
	int r = c ? allow(c, kind) : -ENOMEM;

	if (!r)
		r = print_filter(c, kind);
	if (r)
		fprintf(stderr, "filter %d: %s\n", kind, strerror(-r));
	return r;
}

int main(void)
{
	int r = 0;

	puts("#include \"host/sandbox.h\"\n\n"
	     "const struct sock_filter sandbox_filters[SANDBOX_KINDS]"
	     "[SANDBOX_INSNS] = {");
	for (enum sandbox_kind k = 0; k < SANDBOX_KINDS && !r; k++)
		r = compile_filter(k);
	puts("};");
	return r || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
