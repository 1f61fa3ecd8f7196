/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM ABI newer than the headers of Debian 12 (Linux 6.1), under names of its
 * own that do not clash with a newer <linux/kvm.h>. Each value is marked with
 * the kernel that introduced it. (include/uapi/linux/kvm.h)
 */
#ifndef GPCVM_ABI_H
#define GPCVM_ABI_H

#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <linux/types.h>

/* 6.8 */
#define GPC_CAP_USER_MEMORY2	     231
#define GPC_CAP_MEMORY_FAULT_INFO    232
#define GPC_CAP_MEMORY_ATTRIBUTES    233
#define GPC_CAP_GUEST_MEMFD	     234
#define GPC_CAP_VM_TYPES	     235
/* 6.12 */
#define GPC_CAP_PRE_FAULT_MEMORY     236
/* 6.18 */
#define GPC_CAP_GUEST_MEMFD_FLAGS    244

#define GPC_VM_DEFAULT		     0
#define GPC_VM_SW_PROTECTED	     1

#define GPC_MEM_GUEST_MEMFD	     (1U << 2) /* slot flag, 6.8 */

#define GPC_MEMORY_ATTRIBUTE_PRIVATE (1ULL << 3)

/* kvm_create_guest_memfd.flags; bit 0 has two meanings (see gmem_family.h). */
#define GPC_GMEM_MMAP		     (1ULL << 0) /* 6.18 */
#define GPC_GMEM_INIT_SHARED	     (1ULL << 1) /* 6.18 */
#define GPC_GMEM_NO_DIRECT_MAP	     (1ULL << 2) /* the series on 6.18 */
#define GPC_GMEM_NO_DIRECT_MAP24     (1ULL << 0) /* the 2024 series */

#define GPC_EXIT_MEMORY_FAULT	     39		 /* 6.8 */
#define GPC_MEMORY_EXIT_PRIVATE	     (1ULL << 3) /* kvm_run.memory_fault.flags */

struct gpc_memory_region2 {
	__u32 slot;
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;
	__u64 userspace_addr;
	__u64 guest_memfd_offset;
	__u32 guest_memfd;
	__u32 pad1;
	__u64 pad2[14];
};

struct gpc_memory_attributes {
	__u64 address;
	__u64 size;
	__u64 attributes;
	__u64 flags;
};

struct gpc_create_guest_memfd {
	__u64 size;
	__u64 flags;
	__u64 reserved[6];
};

struct gpc_pre_fault_memory {
	__u64 gpa;
	__u64 size;
	__u64 flags;
	__u64 padding[5];
};

/* The member of kvm_run for GPC_EXIT_MEMORY_FAULT. */
struct gpc_memory_fault {
	__u64 flags;
	__u64 gpa;
	__u64 size;
};

#define GPC_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct gpc_memory_region2)
#define GPC_SET_MEMORY_ATTRIBUTES                                              \
	_IOW(KVMIO, 0xd2, struct gpc_memory_attributes)
#define GPC_CREATE_GUEST_MEMFD	   _IOWR(KVMIO, 0xd4, struct gpc_create_guest_memfd)
#define GPC_PRE_FAULT_MEMORY	   _IOWR(KVMIO, 0xd5, struct gpc_pre_fault_memory)

/* Xen (KVM_CAP_XEN_HVM): bits of the capability, and attributes. */
#define GPC_XEN_UPDATE_FLAG	   (1U << 6) /* 6.2 */
#define GPC_XEN_SHARED_INFO_HVA	   (1U << 8) /* 6.9 */
#define GPC_XEN_ATTR_UPDATE_FLAG   5
#define GPC_XEN_ATTR_SHARED_HVA	   6
#define GPC_XEN_VCPU_ATTR_INFO_HVA 9
#define GPC_XEN_INVALID_GPA	   (~0ULL) /* as gpa or gfn: off */

#endif
