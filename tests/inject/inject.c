// SPDX-License-Identifier: GPL-2.0-only
/*
 * Make one call of gpcvm fail. Linked in with `ld --wrap=NAME` for each NAME
 * of build.mk, so that calls of gpcvm's own objects come here first, but not
 * those inside libc and libfdt. $GPCVM_INJECT is a file, shared by
 * all processes of a run, with a struct inject: tests/inject/run selects the
 * call to fail, and reads the numbers of calls.
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SITES  256
#define FRAMES 16
#define NAME   24

/* tests/inject/run has the same in Python's struct notation. */
struct site {
	char name[NAME];
	uint64_t arg; /* the request of ioctl(), the number of syscall() */
	uint64_t calls;
	uint64_t ready;
};

struct inject {
	char name[NAME]; /* the call to fail */
	uint64_t arg, number, os_errno;
	uint64_t fired, nr;
	uint64_t frames[FRAMES];
	struct site sites[SITES];
};

extern const char __executable_start;

static struct inject *shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct site *find_site(const char *name, uint64_t arg)
{
	for (unsigned int i = 0; i < SITES; i++) {
		struct site *s = &shared->sites[i];

		if (!__atomic_load_n(&s->ready, __ATOMIC_ACQUIRE))
			return NULL;
		if (s->arg == arg && !strcmp(s->name, name))
			return s;
	}
	return NULL;
}

/* Two processes may add the same site; the driver sums their counts. */
static struct site *add_site(const char *name, uint64_t arg)
{
	struct site *s;
	uint64_t n;

	n = __atomic_fetch_add(&shared->nr, 1, __ATOMIC_SEQ_CST);
	if (n >= SITES)
		return NULL;
	s = &shared->sites[n];
	strncpy(s->name, name, NAME - 1);
	s->arg = arg;
	__atomic_store_n(&s->ready, 1, __ATOMIC_RELEASE);
	return s;
}

/* Is this the call to fail? Sets errno if so. */
static bool must_fail(const char *name, uint64_t arg)
{
	void *frames[FRAMES + 2];
	struct site *s;
	uint64_t n;
	int nr;

	if (!shared)
		return false;
	pthread_mutex_lock(&lock);
	s = find_site(name, arg) ?: add_site(name, arg);
	pthread_mutex_unlock(&lock);
	if (!s)
		return false;
	n = __atomic_add_fetch(&s->calls, 1, __ATOMIC_SEQ_CST);
	if (n != shared->number || arg != shared->arg ||
	    strcmp(name, shared->name) != 0 ||
	    __atomic_exchange_n(&shared->fired, 1, __ATOMIC_SEQ_CST))
		return false;
	nr = backtrace(frames, FRAMES + 2);
	for (int i = 2; i < nr; i++)
		shared->frames[i - 2] =
			(uintptr_t)frames[i] - (uintptr_t)&__executable_start;
	errno = (int)shared->os_errno;
	return true;
}

/*
 * All arguments are integers or pointers, and are passed on unchanged in the six
 * registers of the x86-64 ABI. The result is as wide as rax; the caller uses the
 * part that it needs.
 */
#define WRAP_ARG(name, arg, fail)                                              \
	long __real_##name(long a, long b, long c, long d, long e, long f);    \
	long __wrap_##name(long a, long b, long c, long d, long e, long f);    \
	long __wrap_##name(long a, long b, long c, long d, long e, long f)     \
	{                                                                      \
		if (must_fail(#name, arg))                                     \
			return fail;                                           \
		return __real_##name(a, b, c, d, e, f);                        \
	}
#define WRAP(name, fail) WRAP_ARG(name, 0, fail)

WRAP(open, -1)
WRAP(openat, -1)
WRAP(mmap, -1)
WRAP(madvise, -1)
WRAP(mincore, -1)
WRAP(mlock, -1)
WRAP(fallocate, -1)
WRAP(ftruncate, -1)
WRAP(fstat, -1)
WRAP(lstat, -1)
WRAP(stat, -1)
WRAP(fstatfs, -1)
WRAP(pread, -1)
WRAP(read, -1)
WRAP(write, -1)
WRAP(send, -1)
WRAP(recv, -1)
WRAP(fcntl, -1)
WRAP(flock, -1)
WRAP(fsync, -1)
WRAP(dup2, -1)
WRAP(pipe, -1)
WRAP(pipe2, -1)
WRAP(poll, -1)
WRAP(access, -1)
WRAP(faccessat, -1)
WRAP(socket, -1)
WRAP(bind, -1)
WRAP(listen, -1)
WRAP(accept4, -1)
WRAP(connect, -1)
WRAP(getsockopt, -1)
WRAP(link, -1)
WRAP(rename, -1)
WRAP(renameat2, -1)
WRAP(eventfd, -1)
WRAP(eventfd_write, -1)
WRAP(epoll_create1, -1)
WRAP(epoll_ctl, -1)
WRAP(epoll_wait, -1)
WRAP(signalfd, -1)
WRAP(timerfd_create, -1)
WRAP(timerfd_settime, -1)
WRAP(fork, -1)
WRAP(waitpid, -1)
WRAP(execv, -1)
WRAP(kill, -1)
WRAP(setpgid, -1)
WRAP(prctl, -1)
WRAP(getrlimit, -1)
WRAP(setrlimit, -1)
WRAP(sched_getaffinity, -1)
WRAP(sched_setaffinity, -1)
WRAP(tcgetattr, -1)
WRAP(tcsetattr, -1)
WRAP(getrandom, -1)
WRAP(sysinfo, -1)
WRAP(uname, -1)
WRAP(readlink, -1)
WRAP(readlinkat, -1)
WRAP(getdelim, -1)
WRAP(__getdelim, -1)
WRAP(setresuid, -1)
WRAP(setresgid, -1)
WRAP(setgroups, -1)
WRAP(cap_set_proc, -1)
WRAP(cap_set_flag, -1)
WRAP(memfd_create, -1)
WRAP(malloc, 0)
WRAP(calloc, 0)
WRAP(realloc, 0)
WRAP(reallocarray, 0)
WRAP(aligned_alloc, 0)
WRAP(strdup, 0)
WRAP(strndup, 0)
WRAP(open_memstream, 0)
WRAP(fdopen, 0)
WRAP(fopen, 0)
WRAP(opendir, 0)
WRAP(fdopendir, 0)
WRAP(fts_open, 0)
WRAP(mkdtemp, 0)
WRAP(cap_init, 0)
WRAP(cap_get_proc, 0)
WRAP(pthread_create, errno)
WRAP(pthread_setaffinity_np, errno)
WRAP(pthread_attr_setstacksize, errno)

WRAP_ARG(ioctl, (uint64_t)b &UINT32_MAX, -1)

/* A number and six arguments: the last one is on the stack. */
long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	if (must_fail("syscall", (uint64_t)nr))
		return -1;
	return __real_syscall(nr, a, b, c, d, e, f);
}

/* Its variadic arguments may be in other registers. */
int __wrap_asprintf(char **out, const char *fmt, ...);
int __wrap_asprintf(char **out, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (must_fail("asprintf", 0))
		return -1;
	va_start(ap, fmt);
	n = vasprintf(out, fmt, ap);
	va_end(ap);
	return n;
}

__attribute__((constructor)) static void map_shared(void)
{
	const char *path = getenv("GPCVM_INJECT");
	long fd = path ? __real_open((long)path, O_RDWR | O_CLOEXEC, 0, 0, 0, 0)
		       : -1;
	void *map;

	if ((int)fd < 0)
		return;
	map = (void *)__real_mmap(0, sizeof(*shared), PROT_READ | PROT_WRITE,
				  MAP_SHARED, fd, 0);
	close((int)fd);
	if (map != MAP_FAILED)
		shared = map;
}
