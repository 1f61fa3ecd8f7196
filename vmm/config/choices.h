/* SPDX-License-Identifier: GPL-2.0-only */
/* The choices of a machine and their names: memory mode, family of guest_memfd, pv
 * flavour and layout, memory-fault policy. */
#ifndef GPCVM_CHOICES_H
#define GPCVM_CHOICES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Look up @s, the value of --@option, in @names: its index in *out, or -1 and a
 * usage error that lists them. */
int choice_parse(const char *option, const char *s, const char *const *names,
		 unsigned int nr, unsigned int *out, struct err *e);

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

/* What the user forces: bit 0 of the flags has two meanings, and unmerged series
 * renumber their flags. */
struct gmem_force {
	bool has_family, has_flags;
	enum gmem_family family;
	uint64_t flags; /* passed to KVM_CREATE_GUEST_MEMFD as they are */
};

/* "none", "private-6.8", "direct-map-2024", "mmap-6.18", "direct-map-2025": the
 * values of --family. */
extern const char *const gmem_family_names[GMEM_FAMILIES];
/* A short phrase for people, e.g. "6.18+ mainline: MMAP, INIT_SHARED". */
extern const char *const gmem_family_texts[GMEM_FAMILIES];

/* PV_NONE: the guest places its own pages, at addresses that gpcvm does not know. */
enum pv_flavour { PV_KVM, PV_XEN, PV_NONE, PV_FLAVOURS };

enum pv_layout {
	PV_SEPARATE, /* a page each */
	PV_PACKED,   /* those of all vCPUs side by side, kind by kind */
	PV_SPLIT, /* as PV_SEPARATE, but across two pages where KVM allows it */
	PV_LAYOUTS
};

extern const char *const pv_flavour_names[PV_FLAVOURS];
extern const char *const pv_layout_names[PV_LAYOUTS];

enum fault_policy {
	FAULT_REPORT,  /* log an event, inject an exception into the guest */
	FAULT_CONVERT, /* give the page the attribute that the access wants */
	FAULT_STOP,    /* end the machine */
	FAULT_POLICIES
};

extern const char *const fault_policy_names[FAULT_POLICIES];

#endif
