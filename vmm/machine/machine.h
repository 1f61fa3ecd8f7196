/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine: memory, vCPUs, devices, pv pages, the guest in it, its end. */
#ifndef GPCVM_MACHINE_H
#define GPCVM_MACHINE_H

#include "base/event.h"
#include "base/loop.h"
#include "boot/boot.h"
#include "config/config.h"
#include "host/sandbox.h"
#include "host/trace.h"
#include "machine/board.h"
#include "machine/image.h"
#include "machine/layout.h"
#include "memory/memory.h"
#include "pv/pv.h"
#include "vcpu/vcpu.h"

struct device;

/* The tables of devices and kinds of pv pages: NULL ends both. */
struct machine_parts {
	const struct device *const *devices;
	const struct pv_kind *const *kinds;
};

struct machine {
	const struct config *cfg;
	const struct machine_parts *parts;
	int kvm, vm;
	struct gmem_offer offer;
	uint32_t xen;		       /* see xen_offer() */
	struct kvm_cpuid_table *cpuid; /* until the vCPUs exist */
	struct memory memory;
	struct layout layout;
	struct image image;
	struct events events;
	struct loop loop;
	struct board board;
	void **device_state;
	struct pv_vm pv;
	struct trace trace;
	struct vcpu *vcpus;
	unsigned int nr_vcpus; /* that exist */
	unsigned int cpus;     /* of the host, at the start */
	struct boot *boot;     /* the guest, on its way into memory */
	struct feed *feed;     /* which copies it through the window; NULL */
	uint64_t born_ns;
	_Atomic uint64_t ready_ns; /* when the last agent came up; 0: not yet */
	_Atomic unsigned int ready; /* vCPUs whose agent is there */
	unsigned int steps_done;    /* for machine_destroy() */

	/* Memory faults that were reported, converted, retried. */
	_Atomic uint64_t faults, faults_set, faults_again;
	bool tsc_deadline; /* the local APICs have that timer */

	struct sandbox sandbox;

	pthread_mutex_t end_lock;
	_Atomic bool ending; /* set once */
	int status;	     /* of the process, once ending */
	char reason[256];
	int end_fd; /* eventfd: wakes the main thread */
	struct loop_source end_source;
};

/* Open everything that needs privileges; nothing runs yet. If it fails,
 * machine_destroy() cleans up. */
int machine_create(struct machine *m, const struct config *cfg,
		   const struct machine_parts *parts, struct err *e);
/* Put the guest into memory. This parses a kernel's file: drop privileges first. */
int machine_load(struct machine *m, struct err *e);
/* Create the vCPUs, ready to start. */
int machine_add_vcpus(struct machine *m, struct err *e);
void machine_destroy(struct machine *m);
/* Part of machine_destroy(): the devices, and with them the terminal. */
void machine_free_devices(struct machine *m);
/* Start the vCPUs' threads. */
int machine_start(struct machine *m, struct err *e);
/* Stop and join them. False (and a message) if one does not leave the kernel: then
 * nothing that a vCPU uses may be freed. */
bool machine_stop(struct machine *m);

/* End the machine: the main loop stops. Any thread; the first call counts. */
void machine_end(struct machine *m, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Print the registers of a vCPU to stderr. vCPU thread. */
void machine_show_regs(struct machine *m, struct vcpu *v);

/* Refuse (state) a range in the guest's own memory, unless --no-guard. */
int machine_guard(struct machine *m, uint64_t gpa, uint64_t len, struct err *e);

/* Report @why and the registers, and end the machine. vCPU thread. */
enum step machine_fail(struct machine *m, struct vcpu *v, int status,
		       const char *why);
/* Handle a failed access of the guest as the policy says. vCPU thread. */
enum step machine_memory_fault(struct machine *m, struct vcpu *v);
/*
 * Explain why KVM has no page for a (@private) access to @gpa and returned @os_errno,
 * as far as gpcvm knows, e.g. "slot 2 has no gmem file for private memory".
 */
void machine_fault_reason(struct machine *m, uint64_t gpa, bool private,
			  int os_errno, char *buf, size_t len);
/* The exit handler of all vCPUs; @arg is the machine. */
enum step machine_exit(struct vcpu *v, void *arg);
/* Write the device tree to @fd, the file cfg->dump_dtb, and close it. */
int machine_dump_dtb(struct machine *m, int fd, struct err *e);

#endif
