// SPDX-License-Identifier: GPL-2.0-only
/* What the lab's /init does to the machine: file systems, modules, ports, a
 * shell, the end. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "agent.h"

#define SHELL_PORT "/dev/ttyS2"
#define MODULES	   "/lab/modules" /* a path a line, in the order to load */

void agent_say(const char *what)
{
	dprintf(STDERR_FILENO, "lab: %s: %s\n", what, strerror(errno));
}

_Noreturn void agent_leave(void)
{
	sync();
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

void agent_mount(void)
{
	static const struct {
		const char *type, *where;
		bool must;
	} m[] = {
		{ "devtmpfs", "/dev", true },
		{ "proc", "/proc", true },
		{ "sysfs", "/sys", true },
		{ "tmpfs", "/tmp", true },
		{ "tmpfs", "/run", true },
		{ "tmpfs", WORKDIR, true },
		{ "debugfs", "/sys/kernel/debug", false },
		{ "tracefs", "/sys/kernel/tracing", false },
	};

	for (size_t i = 0; i < sizeof(m) / sizeof(m[0]); i++) {
		mkdir(m[i].where, 0755);
		if (mount(m[i].type, m[i].where, m[i].type, 0, NULL) &&
		    errno != EBUSY && m[i].must)
			agent_say(m[i].where);
	}
}

void agent_load_modules(void)
{
	FILE *f = fopen(MODULES, "re");
	char path[512];

	while (f && fgets(path, sizeof(path), f)) {
		int fd;

		path[strcspn(path, "\n")] = 0;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 ||
		    (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			agent_say(path);
		if (fd >= 0)
			close(fd);
	}
	if (f)
		fclose(f);
}

/*
 * Without invtsc, which TCG has not, KVM takes the TSC's frequency when it is
 * loaded (arch/x86/kvm/x86.c, kvm_timer_init), and the kernel measures it again
 * later. Where the two differ by more than this KVM warns at each vCPU.
 */
static void tolerate_tsc(void)
{
	static const char path[] =
		"/sys/module/kvm/parameters/tsc_tolerance_ppm";
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* a KVM without that, or none */
	if (dprintf(fd, "100000") < 0)
		agent_say(path);
	close(fd);
}

/*
 * One VM with one vCPU, for as long as the machine lives: with the first and the
 * last of them KVM patches the kernel's text (static keys: preempt_notifier_key,
 * which is in the scheduler, kvm_has_noapic_vcpu, kvm_xen_enabled), and QEMU
 * before 8.1 may go on with a translation of the int3 that stood there
 * meanwhile: the kernel then dies of an int3 in __schedule(). QEMU locks the
 * page before it translates since accel/tcg's "Always lock pages before
 * translation".
 */
void agent_hold_kvm(void)
{
	struct kvm_xen_hvm_config xen = {
		.flags = KVM_XEN_HVM_CONFIG_EVTCHN_SEND,
		.msr = 0x40000000,
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);

	if (kvm < 0)
		return; /* no KVM, so nothing of this */
	tolerate_tsc();
	/* The descriptors stay open. A kernel without Xen refuses that. */
	if (vm < 0 || ioctl(vm, KVM_CREATE_VCPU, 0) < 0)
		agent_say("/dev/kvm: a VM to hold");
	else
		(void)ioctl(vm, KVM_XEN_HVM_CONFIG, &xen);
}

int agent_open_port(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd < 0 || tcgetattr(fd, &t)) {
		agent_say(path);
		return -1;
	}
	cfmakeraw(&t);
	cfsetspeed(&t, B115200);
	t.c_cflag |= CLOCAL | CREAD;
	if (tcsetattr(fd, TCSANOW, &t))
		agent_say(path);
	return fd;
}

/* A prompt on a port of its own; the machine ends with it. */
void agent_start_shell(void)
{
	pid_t pid = fork();

	if (pid)
		return;
	setsid();
	for (int i = 0; i < 3; i++)
		close(i);
	/* The first terminal that a session leader opens is its own. */
	if (open(SHELL_PORT, O_RDWR) == 0 && dup(0) == 1 && dup(0) == 2 &&
	    !chdir(WORKDIR)) {
		pid = fork();
		if (!pid) {
			execlp("sh", "sh", "-l", NULL);
			agent_say("sh");
			_exit(127);
		}
		tcsetpgrp(0, getpid());
		waitpid(pid, NULL, 0);
	}
	agent_leave();
}
