/* SPDX-License-Identifier: GPL-2.0-only */
/* What this kernel's guest_memfd offers: measured, never inferred from a
 * version number. */
#ifndef GPCVM_HOST_H
#define GPCVM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum gmem_family {
	GMEM_NONE,    /* no guest_memfd */
	GMEM_PRIVATE, /* 6.8-6.17: private memory of SW_PROTECTED_VM, no flags */
	GMEM_DIRECT_2024, /* the 2024 series: flag bit 0 is NO_DIRECT_MAP */
	GMEM_MMAP,	  /* 6.18+: MMAP, INIT_SHARED; default VM type */
	GMEM_DIRECT_2025, /* the series on 6.18: bit 2 is NO_DIRECT_MAP */
	GMEM_FAMILIES
};

/* What the user forces by hand; bit 0 of the flags means two things, and the
 * numbers of unmerged series move. */
struct gmem_force {
	bool has_family, has_flags;
	enum gmem_family family;
	uint64_t flags; /* passed to KVM_CREATE_GUEST_MEMFD as they are */
};

struct gmem_offer {
	enum gmem_family family;
	bool forced;
	bool mappable;		/* a gmem file can be mmap()ed and is shared */
	bool private_vm;	/* SW_PROTECTED_VM with the private attribute */
	uint64_t shared_flags;	/* for a mappable file: MMAP | INIT_SHARED */
	uint64_t private_flags; /* for a private one: 0, or what is forced */
	uint64_t no_direct_map; /* the family's flag; 0: it has none */
};

/* "none", "private-6.8", "direct-map-2024", "mmap-6.18", "direct-map-2025":
 * what --family takes. */
const char *gmem_family_name(enum gmem_family f);

/* What a kernel may lack, and what to do about it. */
enum host_lack {
	LACK_GMEM,	/* guest_memfd, on any VM type */
	LACK_PRIVATE,	/* VM type 1, SW_PROTECTED_VM */
	LACK_MMAP,	/* GUEST_MEMFD_FLAG_MMAP */
	LACK_PRE_FAULT, /* KVM_PRE_FAULT_MEMORY */
};

/* @release: as in uname(). A kernel that is new enough was built without it, or
 * runs without. */
const char *host_advice(enum host_lack what, const char *release);
/* The same, of the running one. */
const char *host_advice_here(enum host_lack what);
/* A short phrase for people, e.g. "6.18+ mainline: MMAP, INIT_SHARED". */
const char *gmem_family_text(enum gmem_family f);
/* -1 with a usage error that lists the names. */
int gmem_family_parse(const char *s, enum gmem_family *out, struct err *e);

/*
 * Tell the family by asking @kvm (/dev/kvm) and, where a capability number
 * could mean two things, by trying on a throw-away VM of the right type.
 * Costs no VM where KVM_CAP_GUEST_MEMFD_FLAGS answers. Never fails: what
 * cannot be tried is not offered.
 */
void host_gmem_offer(int kvm, const struct gmem_force *force,
		     struct gmem_offer *o);

/* Open @dev, check that it is KVM's API version 12. Messages tell a person in
 * which group to be, or which module is missing. Returns the fd. */
int host_open_kvm(const char *dev, struct err *e);

/* Copy through a pipe, so that memory that cannot be reached is -EFAULT and
 * no SIGBUS. Up to one page; 0 or -errno. */
int host_copy(void *dst, const void *src, size_t n);

#endif
