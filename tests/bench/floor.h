/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The floor: the least that a program can do to run the tiny guest, with bare
 * ioctls, to compare gpcvm with. It shares no code with gpcvm.
 */
#ifndef GPCVM_FLOOR_H
#define GPCVM_FLOOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/doorbell.h"
#include "kvm/abi.h"

#define FLOOR_MAX_VCPUS 256
#define PAGE		4096ULL

struct options {
	const char *image, *guest;
	uint64_t memory; /* bytes */
	unsigned int vcpus;
	bool gmem, loader;
};

struct floor;

struct fvcpu {
	struct floor *f;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool pending; /* op and w are to be done */
	bool given;   /* the guest does it */
	bool done;    /* w is its result */
	bool crash;   /* do not do it, but go astray */
	uint32_t op, seq;
	uint64_t w[DB_WORDS];
	uint64_t ready_ns;
};

struct floor {
	struct options o;
	int kvm, vm, gmem;
	char *mem;
	/* where things are, gpa */
	uint64_t fdt, fdt_size, pool, pool_size, areas, clock, steal, spare;
	uint32_t entry; /* of vCPU 0 */
	uint32_t edi, esi;
	uint32_t ap_entry;
	uint64_t start_ns, vm_ns, memory_ns, load_ns, vcpu_ns;
	struct fvcpu v[FLOOR_MAX_VCPUS];
	unsigned int ready;
	unsigned int reports[16]; /* by REPORT_* */
	unsigned int exceptions;  /* told completely */
	uint64_t exception[3][DB_WORDS];
	bool quiet;
	pthread_mutex_t lock;
	pthread_cond_t cond;
};

/* floor.c */
uint64_t now_ns(void);
_Noreturn void die(const char *what, uint64_t value);

/* floor_load.c: the image and the device tree, into guest memory */
void floor_load(struct floor *f);

/* floor_vm.c */
void floor_memory(struct floor *f);
void floor_start(struct floor *f);
void floor_wait_ready(struct floor *f);
void floor_punch(struct floor *f, uint64_t gpa, uint64_t len);
void floor_allocate(struct floor *f, uint64_t gpa, uint64_t len);
/* Do @op with @args on vCPU @i; @w takes the result, returns the status. */
uint64_t floor_ask(struct floor *f, unsigned int i, uint32_t op,
		   const uint64_t *args, uint64_t *w);
uint64_t floor_set_clock(struct floor *f, int64_t ahead_ns);
void floor_set_msr(struct floor *f, unsigned int i, uint32_t msr, uint64_t v);

#define CRASH_RIP 0x7fff0000ULL /* nothing is mapped there */
#define CRASH_RSP 0x1230ULL
#define CRASH_R12 0x1212121212121212ULL

/* floor_test.c: is the guest as doorbell.h says; returns the exit status */
int floor_selftest(struct floor *f);
int floor_watchtest(struct floor *f);
int floor_crashtest(struct floor *f);

#endif
