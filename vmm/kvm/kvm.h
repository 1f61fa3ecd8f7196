/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One thin function per ioctl. Each returns the ioctl's result, or -errno.
 * Nothing is retried, logged or judged here. Addresses and lengths are in
 * bytes; file descriptors belong to the caller.
 */
#ifndef GPCVM_KVM_H
#define GPCVM_KVM_H

#include <stdint.h>

#include "kvm/abi.h"

#define KVM_MAX_CPUID 256

struct kvm_cpuid_table { /* struct kvm_cpuid2 with its entries */
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[KVM_MAX_CPUID];
};

/* /dev/kvm */
int kvm_open(const char *path);
int kvm_api_version(int kvm);
int kvm_check_extension(int fd, long cap); /* on /dev/kvm or a VM */
int kvm_vcpu_mmap_size(int kvm);
int kvm_supported_cpuid(int kvm, struct kvm_cpuid_table *t);
int kvm_create_vm(int kvm, unsigned long type);

/* VM */
int kvm_enable_cap(int vm, uint32_t cap, uint64_t arg0);
int kvm_create_vcpu(int vm, unsigned long index);
int kvm_set_memory_region(int vm, uint32_t slot, uint32_t flags, uint64_t gpa,
			  uint64_t size, uint64_t hva);
int kvm_set_memory_region2(int vm, const struct gpc_memory_region2 *r);
int kvm_create_guest_memfd(int vm, uint64_t size, uint64_t flags);
int kvm_set_memory_attributes(int vm, uint64_t gpa, uint64_t size,
			      uint64_t attributes);
int kvm_get_clock(int vm, struct kvm_clock_data *d);
int kvm_set_clock(int vm, const struct kvm_clock_data *d);
int kvm_create_irqchip(int vm);
int kvm_create_pit2(int vm, uint32_t flags);
int kvm_set_tss_addr(int vm, unsigned long gpa);
int kvm_set_gsi_routing(int vm, const struct kvm_irq_routing *r);
int kvm_set_msr_filter(int vm, const struct kvm_msr_filter *f);
int kvm_irq_line(int vm, uint32_t irq, uint32_t level);
int kvm_xen_config(int vm, uint32_t flags, uint32_t msr);
/* Set an attribute whose value is the first number of the union. */
int kvm_xen_set_attr(int vm, uint16_t type, uint64_t value);
int kvm_xen_evtchn_send(int vm, uint32_t port, uint32_t vcpu);

/* vCPU */
int kvm_run(int vcpu);
int kvm_get_regs(int vcpu, struct kvm_regs *r);
int kvm_set_regs(int vcpu, const struct kvm_regs *r);
int kvm_get_sregs(int vcpu, struct kvm_sregs *s);
int kvm_set_sregs(int vcpu, const struct kvm_sregs *s);
int kvm_set_cpuid(int vcpu, const struct kvm_cpuid_table *t);
int kvm_get_msr(int vcpu, uint32_t index, uint64_t *value);
int kvm_set_msr(int vcpu, uint32_t index, uint64_t value);
int kvm_get_vcpu_events(int vcpu, struct kvm_vcpu_events *ev);
int kvm_set_vcpu_events(int vcpu, const struct kvm_vcpu_events *ev);
int kvm_kvmclock_ctrl(int vcpu);
int kvm_get_tsc_khz(int vcpu);
/* A file with statistics, api.rst, KVM_GET_STATS_FD. */
int kvm_get_stats_fd(int vcpu);
int kvm_xen_vcpu_set_attr(int vcpu, uint16_t type, uint64_t value);
/* On return *gpa and *size are the range that remains. */
int kvm_pre_fault_memory(int vcpu, uint64_t *gpa, uint64_t *size);

#endif
