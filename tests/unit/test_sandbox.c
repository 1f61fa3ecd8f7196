// SPDX-License-Identifier: GPL-2.0-only
/* What the filters let through, each in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "host/sandbox.h"

struct attempt {
	const char *what;
	long nr, args[6];
	int refused; /* with that errno; 0: SIGSYS */
};

static const struct attempt escapes[] = {
	{ "openat",
	  SYS_openat,
	  { AT_FDCWD, (long)"/etc/passwd", O_WRONLY },
	  EACCES },
	{ "open", SYS_open, { (long)"/etc/passwd", O_WRONLY }, 0 },
	{ "execve", SYS_execve, { (long)"/bin/true" }, 0 },
	{ "socket", SYS_socket, { AF_INET, SOCK_STREAM }, 0 },
	{ "ptrace", SYS_ptrace, { 16, 1 }, 0 },
	{ "TIOCSTI", SYS_ioctl, { 0, TIOCSTI, (long)"x" }, 0 },
	{ "fork", SYS_clone, { SIGCHLD }, 0 },
	{ "clone3", SYS_clone3, { 0 }, ENOSYS },
	{ "kill", SYS_kill, { 1, SIGTERM }, 0 },
	{ "tgkill", SYS_tgkill, { 1, 1, SIGTERM }, 0 },
	{ "mprotect", SYS_mprotect, { 0, 4096, PROT_EXEC }, 0 },
	{ "mmap",
	  SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1 },
	  0 },
};

/* 0: it was let through; else the signal, or minus the errno. */
static int try_with(enum sandbox_kind kind, const struct poison_files *files,
		    const struct attempt *a)
{
	struct sandbox_filter f;
	int status;
	pid_t pid = fork();

	if (pid) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		return WIFSIGNALED(status) ? WTERMSIG(status)
					   : -WEXITSTATUS(status);
	}
	signal(SIGSYS, SIG_DFL); /* cmocka has its own */
	sandbox_filter(kind, files, &f);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &f.prog))
		_exit(255);
	/* exit_group() is not allowed to all. */
	syscall(SYS_exit, syscall(a->nr, a->args[0], a->args[1], a->args[2],
				  a->args[3], a->args[4], a->args[5]) < 0
				  ? errno
				  : 0);
	abort();
}

static int try_under(enum sandbox_kind kind, const struct attempt *a)
{
	return try_with(kind, NULL, a);
}

static void nothing_leads_out_of(enum sandbox_kind kind)
{
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		const struct attempt *a = &escapes[i];
		int r = try_under(kind, a);

		if (r != (a->refused ? -a->refused : SIGSYS))
			fail_msg("%s from %s: %d", a->what,
				 sandbox_kind_name(kind), r);
	}
}

static void nothing_leads_out_of_the_main_thread(void **state)
{
	(void)state;
	nothing_leads_out_of(SANDBOX_MAIN);
}

static void nothing_leads_out_of_a_vcpu(void **state)
{
	(void)state;
	nothing_leads_out_of(SANDBOX_VCPU);
}

static void nothing_leads_out_of_a_request(void **state)
{
	(void)state;
	nothing_leads_out_of(SANDBOX_THREAD);
}

static void ioctls_of_kvm_are_allowed_to_all(void **state)
{
	/* Of no file: EBADF. KVM_RUN; with what the kernel does not look at. */
	static const struct attempt kvm[] = {
		{ "KVM_RUN", SYS_ioctl, { -1, 0xae80 }, EBADF },
		{ "KVM_RUN", SYS_ioctl, { -1, 0x7f0000000000ae80 }, EBADF },
	};

	(void)state;
	for (int k = SANDBOX_MAIN; k <= SANDBOX_THREAD; k++)
		for (int i = 0; i < 2; i++)
			assert_int_equal(try_under((enum sandbox_kind)k,
						   &kvm[i]),
					 -EBADF);
}

static void only_the_main_thread_has_a_terminal(void **state)
{
	static const struct attempt a = {
		"TCGETS", SYS_ioctl, { -1, TCGETS }, EBADF
	};

	(void)state;
	assert_int_equal(try_under(SANDBOX_MAIN, &a), -EBADF);
	assert_int_equal(try_under(SANDBOX_VCPU, &a), SIGSYS);
	assert_int_equal(try_under(SANDBOX_THREAD, &a), SIGSYS);
}

static void the_poisoner_has_its_files_only(void **state)
{
	const struct poison_files files = { 100, 101, 102, -1 };
	const struct attempt fine[] = {
		{ "madvise", SYS_madvise, { 1, 4096, MADV_HWPOISON }, EINVAL },
		{ "write", SYS_write, { 101 }, EBADF },
		{ "read", SYS_read, { 100 }, EBADF },
		{ "pread", SYS_pread64, { 102 }, EBADF },
	};
	const struct attempt not [] = {
		{ "madvise", SYS_madvise, { 0, 4096, MADV_DONTNEED }, 0 },
		{ "write", SYS_write, { 2 }, 0 },
		{ "read", SYS_read, { 101 }, 0 },
		{ "mmap", SYS_mmap, { 0, 4096, PROT_READ }, 0 },
		{ "ioctl", SYS_ioctl, { 100, 0xae80 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_int_equal(try_with(SANDBOX_POISONER, &files, &fine[i]),
				 -fine[i].refused);
	for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++)
		assert_int_equal(try_with(SANDBOX_POISONER, &files, &not [i]),
				 SIGSYS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_leads_out_of_the_main_thread),
		cmocka_unit_test(nothing_leads_out_of_a_vcpu),
		cmocka_unit_test(nothing_leads_out_of_a_request),
		cmocka_unit_test(ioctls_of_kvm_are_allowed_to_all),
		cmocka_unit_test(only_the_main_thread_has_a_terminal),
		cmocka_unit_test(the_poisoner_has_its_files_only),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
