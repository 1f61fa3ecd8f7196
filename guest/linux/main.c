// SPDX-License-Identifier: GPL-2.0-only
/* Runs a thread on each CPU, which watches its clocks and serves the host in
 * between. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "linux.h"

/* Rounds without work before sleeping: operations often come in groups. */
#define KEEN	 8
#define SLEEP_NS 1000000
#define READINGS 4

_Thread_local struct cpu *this_cpu;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "gpcvm-agent: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The host numbers vCPUs by the id of their local APIC. */
static uint32_t vcpu_index(void)
{
	uint32_t a = 1, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b >> 24;
}

static uint64_t msr_or_off(uint32_t index)
{
	uint64_t v;

	return msr_read(index, &v) ? 0 : v;
}

static void start_thread(struct cpu *c)
{
	struct percpu *pc = &c->pc;

	msr_open(c);
	pc->index = vcpu_index();
	pc->clock = msr_or_off(MSR_KVM_SYSTEM_TIME_NEW);
	pc->steal = msr_or_off(MSR_KVM_STEAL_TIME);
	clockwatch_start(pc, &c->clocks);
	pc->w[0] = pc->index;
	pc->w[1] = DB_VERSION;
	db_call(DB_READY, pc->w);
	pc->w[0] = ST_OK;
}

static void *run_thread(void *arg)
{
	const struct timespec nap = { .tv_nsec = SLEEP_NS };
	struct time_watch time = { .went_back = false };
	unsigned int idle = 0;
	cpu_set_t set;

	this_cpu = arg;
	CPU_ZERO(&set);
	CPU_SET(this_cpu->number, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
	/* Port permissions are per thread. Called by number, as sys/io.h
	 * defines another outb(). */
	if (syscall(SYS_iopl, 3))
		fail("iopl: no port I/O (CONFIG_X86_IOPL_IOPERM, or lockdown)");
	start_thread(this_cpu);
	for (;;) {
		time_round(&time);
		if (clockwatch_round(&this_cpu->pc, &this_cpu->clocks,
				     READINGS))
			idle = 0;
		else if (++idle > KEEN)
			clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
	}
}

int main(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct cpu *all = cpus > 0 ? calloc((size_t)cpus, sizeof(*all)) : NULL;
	pthread_t thread;

	if (!all)
		fail("memory");
	if (memory_init())
		fail("/dev/mem (CONFIG_DEVMEM)");
	if (fault_init())
		fail("sigaction");
	for (long i = 0; i < cpus; i++) {
		all[i].number = (int)i;
		errno = pthread_create(&thread, NULL, run_thread, &all[i]);
		if (errno)
			fail("pthread_create");
	}
	for (;;)
		pause();
}
