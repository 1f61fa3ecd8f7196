/* SPDX-License-Identifier: GPL-2.0-only */
/* What a machine can be made of, and the words for it: memory modes, families of
 * guest_memfd, pv flavours and layouts, what a memory fault leads to. */
#ifndef GPCVM_CHOICES_H
#define GPCVM_CHOICES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum mem_mode { MEM_ANON, MEM_GMEM, MEM_GMEM_PRIVATE };

const char *mem_mode_name(enum mem_mode mode, bool no_direct_map);
/* "auto" sets *any; else the mode and whether +no-direct-map follows. */
int mem_mode_parse(const char *s, bool *any, enum mem_mode *mode,
		   bool *no_direct_map, struct err *e);

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

/* "none", "private-6.8", "direct-map-2024", "mmap-6.18", "direct-map-2025":
 * what --family takes. */
const char *gmem_family_name(enum gmem_family f);
/* A short phrase for people, e.g. "6.18+ mainline: MMAP, INIT_SHARED". */
const char *gmem_family_text(enum gmem_family f);
/* -1 with a usage error that lists the names. */
int gmem_family_parse(const char *s, enum gmem_family *out, struct err *e);

/* PV_NONE: the guest places its own, and nobody tells where. */
enum pv_flavour { PV_KVM, PV_XEN, PV_NONE };

enum pv_layout {
	PV_SEPARATE, /* a page each */
	PV_PACKED,   /* those of all vCPUs side by side, kind by kind */
	PV_SPLIT,    /* as separate, but what may cross a page does */
};

const char *pv_flavour_name(enum pv_flavour f);
const char *pv_layout_name(enum pv_layout l);

enum fault_policy {
	FAULT_REPORT,  /* an event, and an exception for the guest */
	FAULT_CONVERT, /* give the page the attribute that the access wants */
	FAULT_STOP,    /* the end of the machine */
};

const char *fault_policy_name(enum fault_policy p);
int fault_policy_parse(const char *s, enum fault_policy *p, struct err *e);

#endif
