// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "kvm/kvm.h"

static int ret(int r)
{
	return r < 0 ? -errno : r;
}

int kvm_open(const char *path)
{
	return ret(open(path, O_RDWR | O_CLOEXEC));
}

/* The ioctls that take nothing, and those that take one argument as it is. */
#define CALL(name, fd, request)                                                \
	int name(int fd)                                                       \
	{                                                                      \
		return ret(ioctl(fd, request, 0));                             \
	}
#define CALL_WITH(name, fd, request, type, arg)                                \
	int name(int fd, type arg)                                             \
	{                                                                      \
		return ret(ioctl(fd, request, arg));                           \
	}

CALL(kvm_api_version, kvm, KVM_GET_API_VERSION)
CALL(kvm_vcpu_mmap_size, kvm, KVM_GET_VCPU_MMAP_SIZE)
CALL(kvm_create_irqchip, vm, KVM_CREATE_IRQCHIP)
CALL(kvm_run, vcpu, KVM_RUN)
CALL(kvm_kvmclock_ctrl, vcpu, KVM_KVMCLOCK_CTRL)
CALL(kvm_get_tsc_khz, vcpu, KVM_GET_TSC_KHZ)
CALL(kvm_get_stats_fd, vcpu, KVM_GET_STATS_FD)

CALL_WITH(kvm_check_extension, fd, KVM_CHECK_EXTENSION, long, cap)
CALL_WITH(kvm_create_vm, kvm, KVM_CREATE_VM, unsigned long, type)
CALL_WITH(kvm_create_vcpu, vm, KVM_CREATE_VCPU, unsigned long, index)
CALL_WITH(kvm_set_memory_region2, vm, GPC_SET_USER_MEMORY_REGION2,
	  const struct gpc_memory_region2 *, r)
CALL_WITH(kvm_get_clock, vm, KVM_GET_CLOCK, struct kvm_clock_data *, d)
CALL_WITH(kvm_set_clock, vm, KVM_SET_CLOCK, const struct kvm_clock_data *, d)
CALL_WITH(kvm_set_tss_addr, vm, KVM_SET_TSS_ADDR, unsigned long, gpa)
CALL_WITH(kvm_set_gsi_routing, vm, KVM_SET_GSI_ROUTING,
	  const struct kvm_irq_routing *, r)
CALL_WITH(kvm_set_msr_filter, vm, KVM_X86_SET_MSR_FILTER,
	  const struct kvm_msr_filter *, f)
CALL_WITH(kvm_get_regs, vcpu, KVM_GET_REGS, struct kvm_regs *, r)
CALL_WITH(kvm_set_regs, vcpu, KVM_SET_REGS, const struct kvm_regs *, r)
CALL_WITH(kvm_get_sregs, vcpu, KVM_GET_SREGS, struct kvm_sregs *, s)
CALL_WITH(kvm_set_sregs, vcpu, KVM_SET_SREGS, const struct kvm_sregs *, s)
CALL_WITH(kvm_get_vcpu_events, vcpu, KVM_GET_VCPU_EVENTS,
	  struct kvm_vcpu_events *, ev)
CALL_WITH(kvm_set_vcpu_events, vcpu, KVM_SET_VCPU_EVENTS,
	  const struct kvm_vcpu_events *, ev)

int kvm_supported_cpuid(int kvm, struct kvm_cpuid_table *t)
{
	t->head.nent = KVM_MAX_CPUID;
	return ret(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &t->head));
}

int kvm_enable_cap(int vm, uint32_t cap, uint64_t arg0)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg0 } };

	return ret(ioctl(vm, KVM_ENABLE_CAP, &c));
}

int kvm_set_memory_region(int vm, uint32_t slot, uint32_t flags, uint64_t gpa,
			  uint64_t size, uint64_t hva)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = hva,
	};

	return ret(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r));
}

int kvm_create_guest_memfd(int vm, uint64_t size, uint64_t flags)
{
	struct gpc_create_guest_memfd c = { .size = size, .flags = flags };

	return ret(ioctl(vm, GPC_CREATE_GUEST_MEMFD, &c));
}

int kvm_set_memory_attributes(int vm, uint64_t gpa, uint64_t size,
			      uint64_t attributes)
{
	struct gpc_memory_attributes a = {
		.address = gpa,
		.size = size,
		.attributes = attributes,
	};

	return ret(ioctl(vm, GPC_SET_MEMORY_ATTRIBUTES, &a));
}

int kvm_create_pit2(int vm, uint32_t flags)
{
	struct kvm_pit_config c = { .flags = flags };

	return ret(ioctl(vm, KVM_CREATE_PIT2, &c));
}

int kvm_irq_line(int vm, uint32_t irq, uint32_t level)
{
	struct kvm_irq_level l = { .irq = irq, .level = level };

	return ret(ioctl(vm, KVM_IRQ_LINE, &l));
}

int kvm_xen_config(int vm, uint32_t flags, uint32_t msr)
{
	struct kvm_xen_hvm_config c = { .flags = flags, .msr = msr };

	return ret(ioctl(vm, KVM_XEN_HVM_CONFIG, &c));
}

int kvm_xen_set_attr(int vm, uint16_t type, uint64_t value)
{
	struct kvm_xen_hvm_attr a = { .type = type, .u.pad[0] = value };

	return ret(ioctl(vm, KVM_XEN_HVM_SET_ATTR, &a));
}

int kvm_xen_evtchn_send(int vm, uint32_t port, uint32_t vcpu)
{
	struct kvm_irq_routing_xen_evtchn e = {
		.port = port,
		.vcpu = vcpu,
		.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
	};

	return ret(ioctl(vm, KVM_XEN_HVM_EVTCHN_SEND, &e));
}

int kvm_set_cpuid(int vcpu, const struct kvm_cpuid_table *t)
{
	return ret(ioctl(vcpu, KVM_SET_CPUID2, &t->head));
}

struct one_msr { /* struct kvm_msrs with room for one */
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

int kvm_get_msr(int vcpu, uint32_t index, uint64_t *value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry.index = index };
	int r = ret(ioctl(vcpu, KVM_GET_MSRS, &m.head));

	/* The ioctl returns the number of MSRs read. */
	if (r == 0)
		return -EINVAL;
	*value = m.entry.data;
	return r < 0 ? r : 0;
}

int kvm_set_msr(int vcpu, uint32_t index, uint64_t value)
{
	struct one_msr m = { .head.nmsrs = 1,
			     .entry = { .index = index, .data = value } };
	int r = ret(ioctl(vcpu, KVM_SET_MSRS, &m.head));

	if (r == 0)
		return -EINVAL;
	return r < 0 ? r : 0;
}

int kvm_xen_vcpu_set_attr(int vcpu, uint16_t type, uint64_t value)
{
	struct kvm_xen_vcpu_attr a = { .type = type, .u.pad[0] = value };

	return ret(ioctl(vcpu, KVM_XEN_VCPU_SET_ATTR, &a));
}

int kvm_pre_fault_memory(int vcpu, uint64_t *gpa, uint64_t *size)
{
	struct gpc_pre_fault_memory p = { .gpa = *gpa, .size = *size };
	int r = ret(ioctl(vcpu, GPC_PRE_FAULT_MEMORY, &p));

	*gpa = p.gpa;
	*size = p.size;
	return r;
}
