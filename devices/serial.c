// SPDX-License-Identifier: GPL-2.0-only
/*
 * An 8250 (16450: no FIFO) at 0x3f8: output to stdout, input from stdin,
 * polled. Registers: the 16550 data sheet, table "Summary of Registers". If the
 * machine has interrupt controllers, it raises line 4 while MCR's OUT2 is set,
 * as on a PC.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/out.h"
#include "devices/devices.h"
#include "vcpu/vcpu.h"

#define PORT	0x3f8
#define IRQ	4
#define RX_SIZE 256

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define LSR_DR	 0x01
#define LSR_THRE 0x20
#define LSR_TEMT 0x40
#define LCR_DLAB 0x80
#define MCR_LOOP 0x10
#define MCR_OUT2 0x08
#define IER_RX	 0x01
#define IER_THRI 0x02
#define IIR_NONE 0x01
#define IIR_THRI 0x02
#define IIR_RX	 0x04
#define MSR_IDLE 0xb0 /* carrier detect, data set ready, clear to send */

struct serial {
	struct board *board;
	pthread_mutex_t lock;
	uint8_t ier, lcr, mcr, scr, dll, dlm;
	uint8_t rx[RX_SIZE];
	unsigned int head, tail;
	bool thri; /* the transmitter became empty after IIR was read */
	bool line; /* the last level raised */
	struct loop_source in;
	bool listening;		 /* stdin is in the loop */
	_Atomic bool out_failed; /* reported once */
	bool raw; /* terminal settings were changed: restore them */
	struct termios saved;
};

/* While nobody reads stdout, make the vCPU wait, as a busy transmitter would.
 * It waits between two KVM_RUNs, where it still takes jobs. */
static void serial_put(struct serial *s, struct vcpu *v, uint8_t c)
{
	out_guest(&c, 1);
	if (out_full())
		v->wait = out_full;
	if (out_error() && !atomic_exchange(&s->out_failed, true))
		event_add(s->board->events, EVENT_MACHINE,
			  "serial output is lost: %s",
			  strerrordesc_np(out_error()));
}

static void serial_push(struct serial *s, uint8_t c)
{
	if (s->head - s->tail < RX_SIZE)
		s->rx[s->head++ % RX_SIZE] = c;
}

static uint8_t serial_pending(const struct serial *s)
{
	if (s->ier & IER_RX && s->head != s->tail)
		return IIR_RX;
	return s->ier & IER_THRI && s->thri ? IIR_THRI : IIR_NONE;
}

/* Call after a change of the registers, with the lock held so that the
 * line follows them in order. */
static void update_line(struct serial *s)
{
	bool line = s->mcr & MCR_OUT2 && !(s->mcr & MCR_LOOP) &&
		    serial_pending(s) != IIR_NONE;

	if (line == s->line || !s->board->irq)
		return;
	s->line = line;
	s->board->irq(s->board->machine, IRQ, line);
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t r = serial_pending(s);

	if (r == IIR_THRI)
		s->thri = false;
	return r;
}

static uint8_t serial_read(struct serial *s, unsigned int reg)
{
	bool dlab = s->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		if (dlab)
			return s->dll;
		return s->head != s->tail ? s->rx[s->tail++ % RX_SIZE] : 0;
	case IER:
		return dlab ? s->dlm : s->ier;
	case IIR_FCR:
		return read_iir(s);
	case LCR:
		return s->lcr;
	case MCR:
		return s->mcr;
	case LSR:
		return (uint8_t)(LSR_THRE | LSR_TEMT |
				 (s->head != s->tail ? LSR_DR : 0));
	case MSR:
		/* Loopback wires the modem outputs to the inputs. */
		if (s->mcr & MCR_LOOP)
			return (uint8_t)((s->mcr & 0x0c) << 4 |
					 (s->mcr & 0x02) << 3 |
					 (s->mcr & 0x01) << 5);
		return MSR_IDLE;
	default:
		return s->scr;
	}
}

/* Return true if @c has to be sent. */
static bool serial_write(struct serial *s, unsigned int reg, uint8_t c)
{
	bool dlab = s->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		if (dlab) {
			s->dll = c;
			break;
		}
		s->thri = true; /* sent at once */
		if (!(s->mcr & MCR_LOOP))
			return true;
		serial_push(s, c);
		break;
	case IER:
		if (dlab) {
			s->dlm = c;
			break;
		}
		/* Enabling it reports the empty transmitter. */
		s->thri |= c & ~s->ier & IER_THRI;
		s->ier = c & 0x0f;
		break;
	case LCR:
		s->lcr = c;
		break;
	case MCR:
		s->mcr = c & 0x1f;
		break;
	case SCR:
		s->scr = c;
		break;
	default: /* FCR: no FIFO; LSR and MSR are read-only */
		break;
	}
	return false;
}

static void serial_access(void *arg, struct vcpu *v, uint16_t port,
			  unsigned int size, bool write, uint8_t *data)
{
	struct serial *s = arg;
	bool send = false;

	pthread_mutex_lock(&s->lock);
	if (write)
		send = serial_write(s, port - PORT, data[0]);
	else
		data[0] = serial_read(s, port - PORT);
	update_line(s);
	pthread_mutex_unlock(&s->lock);
	if (send)
		serial_put(s, v, data[0]);
	if (!write && size > 1) /* registers are a byte wide */
		memset(data + 1, 0xff, size - 1);
}

/* ---- stdin -------------------------------------------------------------- */

static void stop_listening(struct serial *s)
{
	if (s->listening)
		loop_remove(s->board->loop, &s->in);
	s->listening = false;
}

static void serial_input(void *arg, uint32_t events)
{
	struct serial *s = arg;
	uint8_t buf[RX_SIZE];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		stop_listening(s);
		return;
	}
	pthread_mutex_lock(&s->lock);
	for (ssize_t i = 0; i < n; i++)
		serial_push(s, buf[i]);
	update_line(s);
	pthread_mutex_unlock(&s->lock);
}

/* Disable line buffering and echo, but keep Ctrl-C. Never from the background:
 * the kernel would stop gpcvm (SIGTTOU). */
static void take_terminal(struct serial *s)
{
	struct termios t;

	if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
	    tcgetattr(STDIN_FILENO, &s->saved))
		return;
	t = s->saved;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	s->raw = !tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static int serial_init(struct board *b, void *state, struct err *e)
{
	struct serial *s = state;

	s->board = b;
	pthread_mutex_init(&s->lock, NULL);
	take_terminal(s);
	s->in = (struct loop_source){ STDIN_FILENO, serial_input, s };
	/* Reading another job's terminal would stop gpcvm (SIGTTIN). */
	if (!s->raw && isatty(STDIN_FILENO))
		return 0;
	s->listening = !loop_add(b->loop, &s->in, EPOLLIN);
	/* EPERM: epoll cannot watch a regular file, and it is no console. */
	if (!s->listening && errno != EPERM)
		return err_os(e, errno, "epoll_ctl of stdin");
	return 0;
}

static void serial_free(void *state)
{
	struct serial *s = state;

	stop_listening(s);
	if (s->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s->saved);
	pthread_mutex_destroy(&s->lock);
}

const struct device serial_device = {
	.name = "serial",
	.boards = BOARD_TINY | BOARD_PC,
	.size = sizeof(struct serial),
	.ports = { { PORT, 8, serial_access, "serial", "ns16550a" } },
	.init = serial_init,
	.free = serial_free,
};
