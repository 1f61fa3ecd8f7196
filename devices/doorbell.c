// SPDX-License-Identifier: GPL-2.0-only
/* The doorbell port: calls and reports of the guest's agent. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/limit.h"
#include "base/status.h"
#include "devices/devices.h"
#include "vcpu/agent.h"

/* Print a few lines for a failing guest, without filling a
 * disk for one that loops. */
#define PRINTED 8

struct doorbell {
	struct board *board;
	pthread_mutex_t lock;
	struct limits printed;
};

/* ---- reports ------------------------------------------------------------ */

static void agent_report(struct board *b, struct vcpu *v, const uint64_t *w)
{
	static const struct {
		const char *what;
		unsigned int words;
	} rows[] = {
		[REPORT_CLOCK_BACKWARDS] = { "clock went backwards", 2 },
		[REPORT_CLOCK_ODD] = { "clock version stays odd", 1 },
		[REPORT_CLOCK_SILENT] = { "clock page reads as zeros", 0 },
		[REPORT_CLOCK_BACK] = { "clock is back, version", 1 },
		[REPORT_STEAL_BACKWARDS] = { "steal time went backwards", 2 },
		[REPORT_STEAL_ODD] = { "steal version stays odd", 1 },
		[REPORT_STEAL_SILENT] = { "steal time is not updated, version",
					  1 },
		[REPORT_STEAL_BACK] = { "steal time is back, version", 1 },
		[REPORT_TIME_BACKWARDS] = { "the kernel's time went backwards",
					    2 },
		[REPORT_TIME_FROZEN] = { "the kernel's time stands still, ns",
					 1 },
		[REPORT_TIME_BACK] = { "the kernel's time goes on, ns", 1 },
		[REPORT_CLOCK_AHEAD] = { "clock is ahead of KVM_GET_CLOCK", 2 },
		[REPORT_CLOCK_BEHIND] = { "clock is behind KVM_GET_CLOCK", 2 },
	};

	v->reports++;

	if (!w[0] || w[0] >= sizeof(rows) / sizeof(rows[0]))
		event_add(b->events, EVENT_GUEST,
			  "vcpu %u: report %" PRIu64 " (unknown)", v->index,
			  w[0]);
	else if (rows[w[0]].words == 2)
		event_add(b->events, EVENT_GUEST,
			  "vcpu %u: %s: %" PRIu64 " then %" PRIu64, v->index,
			  rows[w[0]].what, w[1], w[2]);
	else if (rows[w[0]].words == 1)
		event_add(b->events, EVENT_GUEST, "vcpu %u: %s: %" PRIu64,
			  v->index, rows[w[0]].what, w[1]);
	else
		event_add(b->events, EVENT_GUEST, "vcpu %u: %s", v->index,
			  rows[w[0]].what);
}

/* Limit the number of messages: a guest may send them forever. */
static bool may_print(struct doorbell *d, const char *what)
{
	uint64_t missed;
	bool r;

	pthread_mutex_lock(&d->lock);
	r = limit_pass(&d->printed, what, now_ns(), &missed);
	pthread_mutex_unlock(&d->lock);
	if (r && missed)
		warn("%" PRIu64 " more %s were not printed", missed, what);
	return r;
}

static void agent_exception(struct doorbell *d, struct vcpu *v,
			    const uint64_t *w)
{
	event_add(d->board->events, EVENT_GUEST,
		  "vcpu %u: unexpected %s (vector %" PRIu64
		  "), error code 0x%" PRIx64 ", rip 0x%" PRIx64
		  ", cr2 0x%" PRIx64,
		  v->index, agent_vector_name(w[0]), w[0], w[1], w[2], w[7]);
	if (!may_print(d, "exceptions in the guest"))
		return;
	warn_lines("gpcvm: vCPU %u: unexpected %s in the guest\n"
		   "  error %016" PRIx64 "  rip %016" PRIx64 "  cs %04" PRIx64
		   "  rflags %08" PRIx64 "\n  rsp   %016" PRIx64
		   "  ss  %04" PRIx64 "  cr2 %016" PRIx64 "\n",
		   v->index, agent_vector_name(w[0]), w[1], w[2], w[3], w[4],
		   w[5], w[6], w[7]);
}

static void agent_exception_regs(struct doorbell *d, const uint64_t *w,
				 bool low)
{
	static const char *const names[2][8] = {
		{ "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "cr3" },
		{ "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" },
	};
	const char *const *n = names[!low];

	if (!may_print(d, low ? "exceptions' registers rax to cr3"
			      : "exceptions' registers r8 to r15"))
		return;
	for (int i = 0; i < 8; i += 4)
		warn_lines("  %-5s %016" PRIx64 "  %-5s %016" PRIx64
			   "  %-5s %016" PRIx64 "  %-5s %016" PRIx64 "\n",
			   n[i], w[i], n[i + 1], w[i + 1], n[i + 2], w[i + 2],
			   n[i + 3], w[i + 3]);
}

static void agent_panic(struct board *b, struct vcpu *v, const uint64_t *w)
{
	char text[DB_WORDS * 8 + 1];

	memcpy(text, w, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	b->end(b->machine, STATUS_GUEST, "vCPU %u: guest panic: %s", v->index,
	       text);
}

/* ---- the port ----------------------------------------------------------- */

static void words_from_regs(const struct kvm_regs *r, uint64_t *w)
{
	w[0] = r->rbx;
	w[1] = r->rcx;
	w[2] = r->rsi;
	w[3] = r->rdi;
	w[4] = r->r8;
	w[5] = r->r9;
	w[6] = r->r10;
	w[7] = r->r11;
}

static void agent_idle(struct vcpu *v, const struct kvm_regs *regs, bool wait)
{
	struct agent *a = &v->agent;

	words_from_regs(regs, a->words);
	a->back = (uint16_t)(regs->rax >> DB_SEQ_SHIFT);
	a->waiting = wait;
	a->polling = !wait;
	a->lost = false;
}

static void agent_ready(struct board *b, struct vcpu *v, const uint64_t *w)
{
	bool again;

	if (w[1] != DB_VERSION || w[0] != v->index) {
		b->end(b->machine, STATUS_GUEST,
		       "vCPU %u: the agent reports vCPU %" PRIu64
		       ", doorbell version %" PRIu64 ": expected version %d",
		       v->index, w[0], w[1], DB_VERSION);
		return;
	}
	again = atomic_exchange(&v->agent.there, true);
	b->ready(b->machine, v, again);
}

static void answer_time(struct board *b, struct vcpu *v,
			const struct kvm_regs *regs)
{
	struct kvm_regs answer = *regs;

	answer.rbx = b->clock(b->machine); /* word 0 */
	vcpu_set_regs(v, &answer);
}

static void doorbell_call(struct doorbell *d, struct vcpu *v,
			  const struct kvm_regs *regs)
{
	struct board *b = d->board;
	uint64_t w[DB_WORDS];

	words_from_regs(regs, w);
	switch (regs->rax & DB_LOW_MASK) {
	case DB_READY:
		agent_ready(b, v, w);
		break;
	case DB_NEXT:
		agent_idle(v, regs, true);
		break;
	case DB_POLL:
		agent_idle(v, regs, false);
		break;
	case DB_START_APS:
		b->start_aps(b->machine, (uint32_t)w[0]);
		break;
	case DB_REPORT:
		agent_report(b, v, w);
		break;
	case DB_TIME:
		answer_time(b, v, regs);
		break;
	case DB_EXCEPTION:
		agent_exception(d, v, w);
		break;
	case DB_EXC_REGS0:
		agent_exception_regs(d, w, true);
		break;
	case DB_EXC_REGS1:
		agent_exception_regs(d, w, false);
		b->end(b->machine, STATUS_GUEST,
		       "vCPU %u: unexpected exception in the guest", v->index);
		break;
	case DB_PANIC:
		agent_panic(b, v, w);
		break;
	case DB_EXIT:
		b->end(b->machine, (int)(w[0] & 0xff), "the guest has ended");
		break;
	default:
		event_add(b->events, EVENT_GUEST,
			  "vcpu %u: unknown doorbell call 0x%" PRIx64, v->index,
			  (uint64_t)regs->rax);
	}
}

static void doorbell_access(void *arg, struct vcpu *v, uint16_t port,
			    unsigned int size, bool write, uint8_t *data)
{
	struct kvm_regs regs;

	(void)port;
	if (!write || size != 4) {
		memset(data, 0xff, size);
		return;
	}
	if (!vcpu_get_regs(v, &regs))
		doorbell_call(arg, v, &regs);
}

/* ---- the device --------------------------------------------------------- */

static int doorbell_init(struct board *b, void *state, struct err *e)
{
	struct doorbell *d = state;

	(void)e;
	d->board = b;
	d->printed.burst = PRINTED;
	pthread_mutex_init(&d->lock, NULL);
	return 0;
}

static void doorbell_free(void *state)
{
	struct doorbell *d = state;

	pthread_mutex_destroy(&d->lock);
}

const struct device doorbell_device = {
	.name = "doorbell",
	.boards = BOARD_TINY,
	.size = sizeof(struct doorbell),
	.ports = { { DB_PORT, 4, doorbell_access, "doorbell",
		     "gpcvm,doorbell" } },
	.init = doorbell_init,
	.free = doorbell_free,
};

/* For the agent under Linux: guest/linux. */
const struct device doorbell_pc_device = {
	.name = "doorbell-pc",
	.boards = BOARD_PC,
	.size = sizeof(struct doorbell),
	.ports = { { DB_PORT_PC, 4, doorbell_access, "doorbell",
		     "gpcvm,doorbell" } },
	.init = doorbell_init,
	.free = doorbell_free,
};
