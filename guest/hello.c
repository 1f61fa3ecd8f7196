// SPDX-License-Identifier: GPL-2.0-only
/* Prints a greeting on the serial line and exits. */
#include "guest.h"

#define UART	   0x3f8
#define UART_LSR   (UART + 5)
#define LSR_THRE   0x20 /* can accept a byte */
#define UART_TRIES 100000

static void put_serial(char c)
{
	for (int i = 0; i < UART_TRIES; i++)
		if (inb(UART_LSR) & LSR_THRE) {
			outb(UART, (uint8_t)c);
			return;
		}
	panic_with("hello: the serial line takes no bytes, LSR", inb(UART_LSR));
}

static void print(const char *s)
{
	for (; *s; s++)
		put_serial(*s);
}

static void print_num(uint64_t v)
{
	struct text t = { .len = 0 };

	text_num(&t, v, 10);
	for (uint32_t i = 0; i < t.len; i++)
		put_serial(t.s[i]);
}

void hello_run(struct percpu *pc)
{
	const struct machine *m = pc->m;

	if (pc->index)
		halt();
	if (m->has_serial) {
		print("Hello from ");
		print(m->model ? m->model : "a nameless machine");
		print(": ");
		print_num(m->nr_cpus);
		print(m->nr_cpus == 1 ? " vCPU, " : " vCPUs, ");
		print_num(m->ram >> 20);
		print(" MiB");
		if (m->ram_private) {
			print(", ");
			print_num(m->ram_private >> 20);
			print(" MiB of it private");
		}
		print("\r\n");
	}
	pc->w[0] = 0;
	db_call(DB_EXIT, pc->w);
}
