// SPDX-License-Identifier: GPL-2.0-only
/* What the lab's /init does to the machine: file systems, modules, ports, a
 * shell, the end. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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
#include <linux/perf_event.h>

#include "agent.h"

#define SHELL_PORT "/dev/ttyS2"
#define MODULES	   "/lab/modules" /* a path a line, in the order to load */
#define TRACEPOINT "/sys/kernel/tracing/events/kvm/kvm_pvclock_update/id"

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
 * What is held below is held as long as the machine lives: with the first and the
 * last user of a static key, and of a tracepoint, the kernel patches its text, and
 * QEMU before 8.1 may go on with a translation of the int3 that stood there
 * meanwhile: the kernel then dies of an int3, in __schedule() for one. QEMU locks
 * the page before it translates since accel/tcg's "Always lock pages before
 * translation".
 */

/* A VM with one vCPU, whose descriptors stay open: preempt_notifier_key, which is
 * in the scheduler. -1 and a message. */
static int hold_vm(int kvm, bool apic, int *vcpu)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	*vcpu = -1;
	if (vm >= 0 && (!apic || !ioctl(vm, KVM_CREATE_IRQCHIP)))
		*vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (*vcpu < 0)
		agent_say("/dev/kvm: a VM to hold");
	return *vcpu < 0 ? -1 : vm;
}

/* arch/x86/kvm/lapic.c: a local APIC that its guest has not enabled yet is in
 * apic_sw_disabled; one that is switched off by its MSR in apic_hw_disabled. */
static void hold_apic(int kvm)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} base = { { .nmsrs = 1 }, { .index = 0x1b, .data = 0xfee00000 } };
	int vcpu;

	if (hold_vm(kvm, true, &vcpu) >= 0 &&
	    ioctl(vcpu, KVM_SET_MSRS, &base) != 1)
		agent_say("/dev/kvm: an APIC to hold");
}

/*
 * A task's perf event: perf_sched_events (kernel/events/core.c, account_event), which
 * is in the scheduler as well. It is one of the tracepoint that gpcvm opens, and
 * never counts: to be there makes the kernel call it.
 */
static void hold_trace(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_RAW,
		.disabled = 1,
	};
	FILE *f = fopen(TRACEPOINT, "re");
	char id[24] = "";

	if (!f)
		return; /* nor has gpcvm any */
	if (fgets(id, sizeof(id), f)) {
		attr.config = strtoull(id, NULL, 10);
		if (syscall(SYS_perf_event_open, &attr, 0, -1, -1,
			    PERF_FLAG_FD_CLOEXEC) < 0)
			agent_say("a perf event to hold");
	}
	fclose(f);
}

void agent_hold_kvm(void)
{
	struct kvm_xen_hvm_config xen = {
		.flags = KVM_XEN_HVM_CONFIG_EVTCHN_SEND,
		.msr = 0x40000000,
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, vcpu;

	if (kvm < 0)
		return; /* no KVM, so nothing of this */
	tolerate_tsc();
	/* No APIC: kvm_has_noapic_vcpu. A kernel without Xen refuses
	 * kvm_xen_enabled. */
	vm = hold_vm(kvm, false, &vcpu);
	if (vm >= 0)
		(void)ioctl(vm, KVM_XEN_HVM_CONFIG, &xen);
	hold_apic(kvm);
	hold_trace();
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
