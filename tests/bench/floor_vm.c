// SPDX-License-Identifier: GPL-2.0-only
/* The VM, its vCPUs and the doorbell, with bare ioctls. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "floor.h"

#define QUIRK_FIX_HYPERCALL_INSN (1 << 5)

static int call(int fd, unsigned long request, void *arg, const char *name)
{
	int r = ioctl(fd, request, arg);

	if (r < 0)
		die(name, (uint64_t)errno);
	return r;
}

#define CALL(fd, request, arg) call(fd, request, arg, #request)
#define NUMBER(n)	       ((void *)(uintptr_t)(n))

void floor_memory(struct floor *f)
{
	struct gpc_create_guest_memfd g = {
		.size = f->o.memory,
		.flags = GPC_GMEM_MMAP | GPC_GMEM_INIT_SHARED,
	};
	struct gpc_memory_region2 r = { .memory_size = f->o.memory };
	struct kvm_enable_cap quirks = { .cap = KVM_CAP_DISABLE_QUIRKS2,
					 .args = { QUIRK_FIX_HYPERCALL_INSN } };
	int flags = MAP_SHARED;

	f->gmem = -1;
	f->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (f->kvm < 0)
		die("/dev/kvm: cannot open, errno", (uint64_t)errno);
	f->vm = CALL(f->kvm, KVM_CREATE_VM, NUMBER(GPC_VM_DEFAULT));
	CALL(f->vm, KVM_ENABLE_CAP, &quirks);
	f->vm_ns = now_ns();
	if (f->o.gmem) {
		f->gmem = CALL(f->vm, GPC_CREATE_GUEST_MEMFD, &g);
		r.flags = GPC_MEM_GUEST_MEMFD;
		r.guest_memfd = (uint32_t)f->gmem;
	} else {
		flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	}
	f->mem = mmap(NULL, f->o.memory, PROT_READ | PROT_WRITE, flags, f->gmem,
		      0);
	if (f->mem == MAP_FAILED)
		die("mmap of guest memory, errno", (uint64_t)errno);
	r.userspace_addr = (uintptr_t)f->mem;
	CALL(f->vm, GPC_SET_USER_MEMORY_REGION2, &r);
	f->memory_ns = now_ns();
}

void floor_punch(struct floor *f, uint64_t gpa, uint64_t len)
{
	int r;

	if (f->o.gmem)
		r = fallocate(f->gmem,
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      (off_t)gpa, (off_t)len);
	else
		r = madvise(f->mem + gpa, len, MADV_DONTNEED);
	if (r < 0)
		die("cannot punch gpa", gpa);
}

void floor_allocate(struct floor *f, uint64_t gpa, uint64_t len)
{
	int r;

	if (f->o.gmem)
		r = fallocate(f->gmem, FALLOC_FL_KEEP_SIZE, (off_t)gpa,
			      (off_t)len);
	else
		r = madvise(f->mem + gpa, len, MADV_POPULATE_WRITE);
	if (r < 0)
		die("cannot allocate gpa", gpa);
}

uint64_t floor_set_clock(struct floor *f, int64_t ahead_ns)
{
	struct kvm_clock_data d;

	CALL(f->vm, KVM_GET_CLOCK, &d);
	d.clock += (uint64_t)ahead_ns;
	d.flags = 0;
	CALL(f->vm, KVM_SET_CLOCK, &d);
	return d.clock;
}

void floor_set_msr(struct floor *f, unsigned int i, uint32_t msr, uint64_t v)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = { .head.nmsrs = 1, .entry = { .index = msr, .data = v } };

	if (CALL(f->v[i].fd, KVM_SET_MSRS, &m) != 1)
		die("KVM_SET_MSRS: refused, MSR", msr);
}

static void to_words(const struct kvm_regs *r, uint64_t *w)
{
	const uint64_t v[DB_WORDS] = { r->rbx, r->rcx, r->rsi, r->rdi,
				       r->r8,  r->r9,  r->r10, r->r11 };

	memcpy(w, v, sizeof(v));
}

static void set_words(struct kvm_regs *r, const uint64_t *w)
{
	r->rbx = w[0];
	r->rcx = w[1];
	r->rsi = w[2];
	r->rdi = w[3];
	r->r8 = w[4];
	r->r9 = w[5];
	r->r10 = w[6];
	r->r11 = w[7];
}

static void create_vcpu(struct fvcpu *v, int run_size, struct kvm_cpuid2 *cpuid)
{
	struct floor *f = v->f;
	struct kvm_segment flat = { .limit = 0xffffffff,
				    .selector = 0x10,
				    .type = 3,
				    .present = 1,
				    .db = 1,
				    .s = 1,
				    .g = 1 };
	struct kvm_regs regs = {
		.rax = ENTRY_MAGIC,
		.rbx = v->index,
		.rcx = f->areas + (uint64_t)v->index * VCPU_AREA_SIZE,
		.rsi = f->esi,
		.rdi = f->edi,
		.rip = v->index ? f->ap_entry : f->entry,
		.rflags = 2,
	};
	struct kvm_sregs s;

	v->fd = CALL(f->vm, KVM_CREATE_VCPU, NUMBER(v->index));
	v->run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		die("mmap of the vCPU, errno", (uint64_t)errno);
	CALL(v->fd, KVM_SET_CPUID2, cpuid);
	CALL(v->fd, KVM_GET_SREGS, &s);
	s.ds = s.es = s.fs = s.gs = s.ss = flat;
	flat.selector = 8;
	flat.type = 11;
	s.cs = flat;
	s.cr0 = 0x11; /* PE, ET */
	CALL(v->fd, KVM_SET_SREGS, &s);
	CALL(v->fd, KVM_SET_REGS, &regs);
}

static void ring_ready(struct fvcpu *v)
{
	struct floor *f = v->f;

	v->ready_ns = now_ns();
	pthread_mutex_lock(&f->lock);
	f->ready++;
	pthread_cond_broadcast(&f->cond);
	pthread_mutex_unlock(&f->lock);
}

/* DB_NEXT, DB_POLL: takes the result, gives the next operation. */
static void ring_next(struct fvcpu *v, uint32_t eax, struct kvm_regs *r)
{
	bool wait = (eax & DB_LOW_MASK) == DB_NEXT;

	pthread_mutex_lock(&v->lock);
	if (v->given) {
		if (eax >> DB_SEQ_SHIFT != v->seq)
			die("result of another operation, eax", eax);
		to_words(r, v->w);
		v->given = false;
		v->done = true;
		pthread_cond_broadcast(&v->cond);
	}
	while (wait && !v->pending)
		pthread_cond_wait(&v->cond, &v->lock);
	r->rax = OP_NONE;
	if (v->pending) {
		v->pending = false;
		v->given = true;
		v->seq = (v->seq + 1) & DB_LOW_MASK;
		r->rax = v->op | v->seq << DB_SEQ_SHIFT;
		set_words(r, v->w);
	}
	if (v->crash) {
		r->rip = CRASH_RIP;
		r->rsp = CRASH_RSP;
		r->r12 = CRASH_R12;
	}
	pthread_mutex_unlock(&v->lock);
}

static void show(struct fvcpu *v, const char *what, const uint64_t *w)
{
	if (v->f->quiet)
		return;
	fprintf(stderr, "vCPU %u: %s", v->index, what);
	for (int i = 0; i < DB_WORDS; i++)
		fprintf(stderr, " %" PRIx64, w[i]);
	fprintf(stderr, "\n");
}

static bool ring_rare(struct fvcpu *v, uint32_t eax, const uint64_t *w)
{
	struct floor *f = v->f;

	switch (eax & DB_LOW_MASK) {
	case DB_REPORT:
		__atomic_add_fetch(&f->reports[w[0] & 15], 1, __ATOMIC_RELAXED);
		show(v, "report", w);
		return true;
	case DB_EXCEPTION:
	case DB_EXC_REGS0:
	case DB_EXC_REGS1:
		show(v, "exception", w);
		eax = (eax & DB_LOW_MASK) - DB_EXCEPTION;
		memcpy(f->exception[eax], w, sizeof(f->exception[eax]));
		if (eax < 2)
			return true;
		__atomic_add_fetch(&f->exceptions, 1, __ATOMIC_RELEASE);
		return false;
	case DB_TIME: /* not known here */
		return true;
	case DB_EXIT:
		exit((int)w[0]);
	case DB_PANIC:
		fprintf(stderr, "vCPU %u: panic: %.64s\n", v->index,
			(const char *)w);
		exit(1);
	default:
		die("doorbell: unknown call, eax", eax);
	}
}

static void *vcpu_thread(void *arg);

static void start_aps(struct floor *f, uint64_t entry)
{
	f->ap_entry = (uint32_t)entry;
	for (unsigned int i = 1; i < f->o.vcpus; i++) {
		struct kvm_regs r;

		CALL(f->v[i].fd, KVM_GET_REGS, &r);
		r.rip = entry;
		CALL(f->v[i].fd, KVM_SET_REGS, &r);
		pthread_create(&f->v[i].thread, NULL, vcpu_thread, &f->v[i]);
	}
}

static bool doorbell(struct fvcpu *v, uint32_t eax)
{
	struct kvm_regs r;
	uint64_t w[DB_WORDS];

	CALL(v->fd, KVM_GET_REGS, &r);
	to_words(&r, w);
	switch (eax & DB_LOW_MASK) {
	case DB_READY:
		ring_ready(v);
		return true;
	case DB_START_APS:
		start_aps(v->f, w[0]);
		return true;
	case DB_NEXT:
	case DB_POLL:
		ring_next(v, eax, &r);
		CALL(v->fd, KVM_SET_REGS, &r);
		return true;
	default:
		return ring_rare(v, eax, w);
	}
}

static bool port(struct fvcpu *v)
{
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t eax;

	if (run->io.port == DB_PORT && run->io.size == 4) {
		memcpy(&eax, data, sizeof(eax));
		return doorbell(v, eax);
	}
	if (run->io.direction == KVM_EXIT_IO_IN)
		*data = 0x60; /* the transmitter is empty */
	else if (run->io.port == 0x3f8)
		fputc(*data, stderr);
	return true;
}

static void *vcpu_thread(void *arg)
{
	struct fvcpu *v = arg;

	for (;;) {
		if (ioctl(v->fd, KVM_RUN, 0) < 0 && errno != EINTR)
			die("KVM_RUN, errno", (uint64_t)errno);
		switch (v->run->exit_reason) {
		case KVM_EXIT_IO:
			if (!port(v))
				return NULL;
			break;
		case KVM_EXIT_HLT:
			if (!v->given && v->index)
				return NULL; /* for good */
			break;
		case KVM_EXIT_MMIO: /* nothing there */
			memset(v->run->mmio.data, 0xff,
			       sizeof(v->run->mmio.data));
			break;
		case KVM_EXIT_INTR:
			break;
		default:
			die("KVM_RUN, exit reason", v->run->exit_reason);
		}
	}
}

void floor_start(struct floor *f)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[256];
	} cpuid = { .head.nent = 256 };
	int run_size = CALL(f->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);

	CALL(f->kvm, KVM_GET_SUPPORTED_CPUID, &cpuid);
	for (unsigned int i = 0; i < f->o.vcpus; i++) {
		struct fvcpu *v = &f->v[i];

		v->f = f;
		v->index = i;
		pthread_mutex_init(&v->lock, NULL);
		pthread_cond_init(&v->cond, NULL);
		create_vcpu(v, run_size, &cpuid.head);
	}
	f->vcpu_ns = now_ns();
	pthread_create(&f->v[0].thread, NULL, vcpu_thread, &f->v[0]);
}

void floor_wait_ready(struct floor *f)
{
	pthread_mutex_lock(&f->lock);
	while (f->ready < f->o.vcpus)
		pthread_cond_wait(&f->cond, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

uint64_t floor_ask(struct floor *f, unsigned int i, uint32_t op,
		   const uint64_t *args, uint64_t *w)
{
	struct fvcpu *v = &f->v[i];

	pthread_mutex_lock(&v->lock);
	v->op = op;
	memcpy(v->w, args, sizeof(v->w));
	v->done = false;
	v->pending = true;
	pthread_cond_broadcast(&v->cond);
	while (!v->done)
		pthread_cond_wait(&v->cond, &v->lock);
	memcpy(w, v->w, sizeof(v->w));
	pthread_mutex_unlock(&v->lock);
	return w[0];
}
