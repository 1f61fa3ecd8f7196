// SPDX-License-Identifier: GPL-2.0-only
/*
 * The /init of a guest that is to say how long it took to get there: a line, on the
 * serial port's register itself, because what a console driver does to get it out
 * depends on the port. Without libc, which would be most of what the kernel has
 * to unpack, and asks for CPUID again and again.
 */
#include <asm/unistd.h>

#define SERIAL 0x3f8

static long call(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return r;
}

/* Where the kernel enters: nothing of the stack is used, or aligned. */
__attribute__((noreturn)) void _start(void);

void _start(void)
{
	if (!call(__NR_ioperm, SERIAL, 1, 1))
		for (const char *p = "init is here\n"; *p; p++)
			__asm__ volatile("outb %0, %1"
					 :
					 : "a"(*p), "Nd"((short)SERIAL));
	for (;;)
		call(__NR_pause, 0, 0, 0);
}
