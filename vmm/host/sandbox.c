// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/sandbox.h"

#ifdef GPCVM_SANITIZED
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

const char *sandbox_kind_name(enum sandbox_kind kind)
{
	static const char *const names[SANDBOX_KINDS] = {
		[SANDBOX_MAIN] = "main",	 [SANDBOX_VCPU] = "vcpu",
		[SANDBOX_THREAD] = "request",	 [SANDBOX_KEEPER] = "keeper",
		[SANDBOX_POISONER] = "poisoner",
	};

	return names[kind];
}

/* The call was not made. Print its name and die of the same signal:
 * SA_RESETHAND restored the default action. */
static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[128], name[16] = "";
	int n;

	(void)context;
	prctl(PR_GET_NAME, name, 0, 0, 0);
	n = snprintf(line, sizeof(line),
		     "gpcvm: killed by its sandbox: thread %s made system "
		     "call %d\n",
		     name, info->si_syscall);
	if (poll(&p, 1, 0) == 1 && write(STDERR_FILENO, line, (size_t)n) < 0)
		_exit(128 + sig);
	syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), sig);
	_exit(128 + sig);
}

/* Detect CONFIG_SECCOMP_FILTER: with it, a bad pointer is EFAULT. */
static bool has_filters(void)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) < 0 &&
	       errno == EFAULT;
}

void sandbox_init(struct sandbox *s, bool off)
{
	struct sigaction sa = { .sa_sigaction = on_sigsys,
				.sa_flags = SA_SIGINFO | SA_RESETHAND |
					    SA_NODEFER };

	if (off)
		s->no_filters = "--no-sandbox";
	else if (SANITIZED)
		s->no_filters =
			"built with sanitizers, which make other system calls";
	else if (!has_filters())
		s->no_filters = "this kernel has no seccomp filters "
				"(CONFIG_SECCOMP_FILTER)";
	else
		sigaction(SIGSYS, &sa, NULL);
}

/* A missing file has number -1, with which no call succeeds. */
static uint32_t number_for(uint32_t k, const struct poison_files *files)
{
	switch (k) {
	case SANDBOX_PID:
		return (uint32_t)getpid();
	case SANDBOX_ASKER:
		return (uint32_t)files->fd;
	case SANDBOX_CORRUPT:
		return (uint32_t)files->corrupt;
	case SANDBOX_PAGEMAP:
		return (uint32_t)files->pagemap;
	case SANDBOX_KPAGEFLAGS:
		return (uint32_t)files->kpageflags;
	default:
		return k;
	}
}

void sandbox_filter(enum sandbox_kind kind, const struct poison_files *files,
		    struct sandbox_filter *f)
{
	static const struct poison_files none = { -1, -1, -1, -1 };
	const struct sock_filter *from = sandbox_filters[kind];
	unsigned short i;

	if (!files)
		files = &none;
	for (i = 0; i < SANDBOX_INSNS && from[i].code; i++) {
		f->insns[i] = from[i];
		f->insns[i].k = number_for(from[i].k, files);
	}
	f->prog = (struct sock_fprog){ i, f->insns };
}

int sandbox_enter(const struct sandbox *s, enum sandbox_kind kind,
		  struct err *e)
{
	static const struct poison_files none = { -1, -1, -1, -1 };
	struct sandbox_filter f;

	if (kind != SANDBOX_MAIN)
		prctl(PR_SET_NAME, sandbox_kind_name(kind), 0, 0, 0);
	if (s->no_filters)
		return 0;
	sandbox_filter(kind, &none, &f);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f.prog))
		return err_os(e, errno, "the seccomp filter for %s",
			      sandbox_kind_name(kind));
	return 0;
}
