// SPDX-License-Identifier: GPL-2.0-only
/* Does the guest do what doorbell.h says? Every operation on every vCPU, good
 * and bad arguments; what clockwatch reports; an unexpected exception. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "floor.h"

struct test {
	struct floor *f;
	unsigned int vcpu, failed;
	uint64_t page; /* gpa, this vCPU's playground */
	uint64_t w[DB_WORDS], status;
};

static void verdict(struct test *t, const char *what, bool ok)
{
	printf("vCPU %u: %-22s %s\n", t->vcpu, what, ok ? "ok" : "FAIL");
	if (ok)
		return;
	t->failed++;
	printf("\tstatus %" PRIu64 ", words", t->status);
	for (int i = 1; i < DB_WORDS; i++)
		printf(" %" PRIx64, t->w[i]);
	printf("\n");
}

static bool ask(struct test *t, uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t args[DB_WORDS] = { a, b, c };

	t->status = floor_ask(t->f, t->vcpu, op, args, t->w);
	return t->status == ST_OK;
}

static bool fault(const struct test *t, uint64_t vector)
{
	return t->status == ST_FAULT && t->w[1] == vector && t->w[3];
}

static void test_memory(struct test *t)
{
	char *mem = t->f->mem + t->page;
	uint64_t last = t->f->o.memory - 8;
	bool ok;

	for (int i = 0; i < 64; i++)
		mem[i] = (char)(i * 3 + 1);
	ok = ask(t, OP_READ, t->page + 3, 53, 0) &&
	     !memcmp(&t->w[1], mem + 3, 53);
	verdict(t, "read", ok && !(t->w[7] >> 40));
	ok = !ask(t, OP_READ, t->page, 57, 0) && t->status == ST_BAD_OP;
	verdict(t, "read of 57 bytes", ok);
	ok = !ask(t, OP_READ, 1ULL << 47, 8, 0) && t->status == ST_BAD_OP;
	verdict(t, "read beyond 2^47", ok);
	ok = ask(t, OP_WRITE, t->page + 8, 4, 0x1122334455667788) &&
	     !memcmp(mem + 8, "\x88\x77\x66\x55", 4) && mem[12] == 12 * 3 + 1;
	verdict(t, "write", ok);
	ok = ask(t, OP_WRITE, t->page + 17, 8, 0x1122334455667788) &&
	     !memcmp(mem + 17, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	verdict(t, "write, unaligned", ok);
	ok = !ask(t, OP_WRITE, t->page, 3, 0) && t->status == ST_BAD_OP;
	verdict(t, "write of 3 bytes", ok);
	ok = ask(t, OP_WRITE, last, 8, t->vcpu + 1) &&
	     ask(t, OP_READ, last, 8, 0) && t->w[1] == t->vcpu + 1;
	verdict(t, "the last word of memory", ok);
	ok = ask(t, OP_FILL, t->page + 1, 101, 0xa5) && mem[1] == '\xa5' &&
	     mem[101] == '\xa5' && mem[102] == 0;
	verdict(t, "fill", ok);
	mem[2 * PAGE - 1] = 0x77;
	ok = ask(t, OP_TOUCH, t->page + 5, PAGE, 1) && t->w[1] == 2 &&
	     mem[0] == 1 && mem[2 * PAGE - 1] == 0x77;
	verdict(t, "touch", ok);
}

static void test_hash(struct test *t)
{
	uint64_t h = HASH_INIT, v;
	bool ok;

	for (uint64_t i = 0; i < PAGE / 8; i++) {
		memcpy(&v, t->f->mem + t->page + i * 8, 8);
		h = (h ^ v) * HASH_PRIME;
	}
	ok = ask(t, OP_HASH, t->page, 8ULL * 13, HASH_INIT) &&
	     ask(t, OP_HASH, t->page + 8ULL * 13, PAGE - 8ULL * 13, t->w[1]);
	verdict(t, "hash, in two parts", ok && t->w[1] == h);
	ok = !ask(t, OP_HASH, t->page, 9, h) && t->status == ST_BAD_OP;
	verdict(t, "hash of 9 bytes", ok);
}

static void test_cpu(struct test *t)
{
	uint64_t steal = (t->f->steal + t->vcpu * PAGE) | 1;

	verdict(t, "nop", ask(t, OP_NOP, 0, 0, 0));
	verdict(t, "op 999", !ask(t, 999, 0, 0, 0) && t->status == ST_BAD_OP);
	verdict(t, "rdmsr",
		ask(t, OP_RDMSR, MSR_KVM_STEAL_TIME, 0, 0) && t->w[1] == steal);
	ask(t, OP_RDMSR, 0x4b564dff, 0, 0);
	verdict(t, "rdmsr of a bad MSR", fault(t, 13));
	verdict(t, "wrmsr", ask(t, OP_WRMSR, MSR_KVM_STEAL_TIME, steal, 0));
	ask(t, OP_WRMSR, MSR_KVM_STEAL_TIME, steal | 2, 0);
	verdict(t, "wrmsr of a bad value", fault(t, 13));
	verdict(t, "halt", ask(t, OP_HALT, 0, 0, 0));
	/* KVM_HC_VAPIC_POLL_IRQ: does nothing. Where KVM cannot do it: #UD. */
	ask(t, OP_HYPERCALL, 1, 0, 0);
	verdict(t, "hypercall",
		(t->status == ST_OK && t->w[1] == 0) || fault(t, 6));
}

static void test_canary(struct test *t)
{
	char *mem = t->f->mem + t->page;
	bool ok;

	ok = ask(t, OP_CANARY, t->page + PAGE, CANARY_CHECK, 0);
	verdict(t, "canary: none", ok && t->w[1] == CANARY_NONE);
	ok = ask(t, OP_CANARY, t->page, CANARY_PLANT, 0) &&
	     t->w[1] == CANARY_PLANT &&
	     ask(t, OP_CANARY, t->page, CANARY_CHECK, 0);
	verdict(t, "canary: intact", ok && t->w[1] == CANARY_INTACT);
	mem[1003] ^= 1;
	ok = ask(t, OP_CANARY, t->page, CANARY_CHECK, 0);
	verdict(t, "canary: changed",
		ok && t->w[1] == CANARY_CHANGED && t->w[2] == 1000);
	floor_punch(t->f, t->page, PAGE);
	ok = ask(t, OP_CANARY, t->page, CANARY_CHECK, 0);
	verdict(t, "canary: zeros", ok && t->w[1] == CANARY_ZEROS);
	ok = !ask(t, OP_CANARY, t->page + 8, CANARY_PLANT, 0);
	verdict(t, "canary: unaligned", ok && t->status == ST_BAD_OP);
	for (int i = 0; i < 17; i++)
		ask(t, OP_CANARY, t->page, CANARY_PLANT, 0);
	ok = ask(t, OP_CANARY, t->page, CANARY_CHECK, 0);
	verdict(t, "canary: again", ok && t->w[1] == CANARY_INTACT);
}

static void test_pv(struct test *t)
{
	uint64_t clock = t->f->clock + t->vcpu * PAGE;
	uint64_t steal = t->f->steal + t->vcpu * PAGE;
	uint32_t odd = 7;
	bool ok;

	ok = ask(t, OP_CLOCK, clock, 0, 0) && !(t->w[1] & 1) && t->w[1] &&
	     t->w[2] && t->w[5] > t->w[2] && (uint32_t)t->w[4] && t->w[6] == 1;
	verdict(t, "clock", ok);
	ok = ask(t, OP_STEAL, steal, 0, 0) && !(t->w[1] & 1) && t->w[1] &&
	     t->w[4] >= 1;
	verdict(t, "steal", ok);
	memcpy(t->f->mem + t->page, &odd, 4);
	ok = !ask(t, OP_CLOCK, t->page, 0, 0) && t->status == ST_TORN &&
	     t->w[1] == 7 && t->w[6] == OP_TRIES;
	verdict(t, "clock, torn", ok);
	memcpy(t->f->mem + t->page + 8, &odd, 4);
	ok = !ask(t, OP_STEAL, t->page, 0, 0) && t->status == ST_TORN &&
	     t->w[1] == 7 && t->w[4] == OP_TRIES;
	verdict(t, "steal, torn", ok);
}

int floor_selftest(struct floor *f)
{
	struct test t = { .f = f, .page = f->spare };

	for (t.vcpu = 0; t.vcpu < f->o.vcpus; t.vcpu++) {
		test_memory(&t);
		test_hash(&t);
		test_cpu(&t);
		test_canary(&t);
		test_pv(&t);
		memset(f->mem + t.page, 0, 2 * PAGE);
	}
	printf("selftest: %u failed\n", t.failed);
	return t.failed != 0;
}

/* Up to two seconds for @count reports to come. @odd: make this version odd,
 * again and again, because KVM makes it even when it moves the vCPU. */
static void expect(struct test *t, const char *what, unsigned int report,
		   unsigned int count, _Atomic uint32_t *odd)
{
	unsigned int *n = &t->f->reports[report];

	for (int i = 0; i < 200 && __atomic_load_n(n, __ATOMIC_RELAXED) < count;
	     i++) {
		if (odd)
			*odd |= 1;
		usleep(10000);
	}
	verdict(t, what, __atomic_load_n(n, __ATOMIC_RELAXED) == count);
	__atomic_store_n(n, 0, __ATOMIC_RELAXED);
}

static void no_more(struct test *t)
{
	unsigned int n = 0;

	usleep(200000);
	for (int i = 0; i < 16; i++)
		n += t->f->reports[i];
	verdict(t, "no other reports", n == 0);
}

static void watch_clock(struct test *t)
{
	struct floor *f = t->f;
	uint64_t other = f->spare + PAGE;
	_Atomic uint32_t *version = (void *)(f->mem + other);

	floor_set_clock(f, 10 * 1000000000LL);
	no_more(t);
	floor_set_clock(f, -1000000000);
	expect(t, "clock backwards", REPORT_CLOCK_BACKWARDS, f->o.vcpus, NULL);
	floor_punch(f, f->clock, PAGE);
	expect(t, "clock silent", REPORT_CLOCK_SILENT, 1, NULL);
	no_more(t);
	floor_set_clock(f, 1000000);
	expect(t, "clock back", REPORT_CLOCK_BACK, 1, NULL);
	verdict(t, "move the clock",
		ask(t, OP_WRMSR, MSR_KVM_SYSTEM_TIME_NEW, other | 1, 0));
	floor_set_clock(f, 1000000);
	verdict(t, "poll serves", ask(t, OP_CLOCK, other, 0, 0) && t->w[3]);
	expect(t, "clock odd", REPORT_CLOCK_ODD, 1, version);
	floor_set_clock(f, 1000000);
	expect(t, "clock back", REPORT_CLOCK_BACK, 1, NULL);
	/* KVM does not refuse it. Reads as ones, or cannot be mapped. */
	ask(t, OP_WRMSR, MSR_KVM_SYSTEM_TIME_NEW, 1ULL << 46 | 1, 0);
	verdict(t, "clock to nowhere", t->status == ST_OK);
	ask(t, OP_WRMSR, MSR_KVM_SYSTEM_TIME_NEW, 1ULL << 60 | 1, 0);
	verdict(t, "clock beyond all", t->status == ST_OK);
	verdict(t, "clock off",
		ask(t, OP_WRMSR, MSR_KVM_SYSTEM_TIME_NEW, 0, 0));
	memset(f->mem + other, 0, 32);
	__atomic_store_n(&f->reports[REPORT_CLOCK_ODD], 0, __ATOMIC_RELAXED);
	no_more(t);
}

static void watch_steal(struct test *t)
{
	struct floor *f = t->f;
	uint64_t other = f->spare + 2 * PAGE, now;
	char *steal = f->mem + f->steal;

	memset(steal, 0xff, 7);
	usleep(100000);
	memset(steal, 0, 8);
	expect(t, "steal backwards", REPORT_STEAL_BACKWARDS, 1, NULL);
	/* KVM goes on with another page, which the guest knows nothing of. */
	verdict(t, "steal off", ask(t, OP_WRMSR, MSR_KVM_STEAL_TIME, 0, 0));
	no_more(t);
	verdict(t, "move steal",
		ask(t, OP_WRMSR, MSR_KVM_STEAL_TIME, other | 1, 0));
	usleep(100000);
	verdict(t, "poll serves", ask(t, OP_STEAL, other, 0, 0));
	now = t->w[1];
	usleep(20000);
	verdict(t, "its version moves",
		ask(t, OP_STEAL, other, 0, 0) && t->w[1] != now);
	no_more(t);
	floor_set_msr(f, 0, MSR_KVM_STEAL_TIME, 0);
	expect(t, "steal silent", REPORT_STEAL_SILENT, 1, NULL);
	no_more(t);
	f->mem[other + 8] |= 1;
	expect(t, "steal odd", REPORT_STEAL_ODD, 1, NULL);
	no_more(t);
	floor_set_msr(f, 0, MSR_KVM_STEAL_TIME, other | 1);
	expect(t, "steal back", REPORT_STEAL_BACK, 1, NULL);
	no_more(t);
}

int floor_watchtest(struct floor *f)
{
	struct test t = { .f = f, .page = f->spare };

	watch_clock(&t);
	watch_steal(&t);
	printf("watchtest: %u failed\n", t.failed);
	return t.failed != 0;
}

/* Send a vCPU where nothing is mapped, with a useless stack. */
int floor_crashtest(struct floor *f)
{
	struct fvcpu *v = &f->v[f->o.vcpus - 1];
	struct test t = { .f = f, .vcpu = v->index };
	const uint64_t *w = f->exception[0];

	pthread_mutex_lock(&v->lock);
	v->op = OP_NOP;
	v->w[0] = 0x1111;
	v->pending = true;
	v->crash = true;
	pthread_cond_broadcast(&v->cond);
	pthread_mutex_unlock(&v->lock);
	for (int i = 0;
	     i < 200 && !__atomic_load_n(&f->exceptions, __ATOMIC_ACQUIRE); i++)
		usleep(10000);
	verdict(&t, "exception reported", f->exceptions == 1);
	verdict(&t, "vector rip rsp cr2",
		w[0] == 14 && w[2] == CRASH_RIP && w[5] == CRASH_RSP &&
			w[7] == CRASH_RIP);
	w = f->exception[1];
	verdict(&t, "rbx cr3", w[1] == 0x1111 && w[7]);
	w = f->exception[2];
	verdict(&t, "r12", w[4] == CRASH_R12);
	printf("crashtest: %u failed\n", t.failed);
	return t.failed != 0;
}
