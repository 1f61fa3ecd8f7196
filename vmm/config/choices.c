// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "config/choices.h"

#define SUFFIX "+no-direct-map"

static const char *const modes[][2] = {
	[MEM_ANON] = { "anon", "anon" },
	[MEM_GMEM] = { "gmem", "gmem" SUFFIX },
	[MEM_GMEM_PRIVATE] = { "gmem-private", "gmem-private" SUFFIX },
};

const char *mem_mode_name(enum mem_mode mode, bool no_direct_map)
{
	return modes[mode][no_direct_map];
}

int mem_mode_parse(const char *s, bool *any, enum mem_mode *mode,
		   bool *no_direct_map, struct err *e)
{
	*any = !strcmp(s, "auto");
	*mode = MEM_ANON;
	*no_direct_map = false;
	if (*any)
		return 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		for (int d = 0; d < 2; d++) {
			if (strcmp(s, modes[i][d]))
				continue;
			*mode = (enum mem_mode)i;
			*no_direct_map = d;
			return 0;
		}
	}
	return err_usage(e,
			 "no memory mode '%s': auto, anon, gmem, gmem" SUFFIX
			 ", gmem-private or gmem-private" SUFFIX,
			 s);
}

static const struct {
	const char *name, *text;
} families[GMEM_FAMILIES] = {
	[GMEM_NONE] = { "none", "no guest_memfd" },
	[GMEM_PRIVATE] = { "private-6.8",
			   "6.8-6.17 mainline: private memory, no flags" },
	[GMEM_DIRECT_2024] = { "direct-map-2024",
			       "the 2024 series: bit 0 is NO_DIRECT_MAP" },
	[GMEM_MMAP] = { "mmap-6.18", "6.18+ mainline: MMAP, INIT_SHARED" },
	[GMEM_DIRECT_2025] = { "direct-map-2025",
			       "the series on 6.18: bit 2 is NO_DIRECT_MAP" },
};

const char *gmem_family_name(enum gmem_family f)
{
	return families[f].name;
}

const char *gmem_family_text(enum gmem_family f)
{
	return families[f].text;
}

int gmem_family_parse(const char *s, enum gmem_family *out, struct err *e)
{
	char names[128] = "";
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < GMEM_FAMILIES; i++) {
		if (strcmp(s, families[i].name) == 0) {
			*out = i;
			return 0;
		}
		if (len < sizeof(names))
			len += (size_t)snprintf(names + len,
						sizeof(names) - len, "%s%s",
						i ? ", " : "",
						families[i].name);
	}
	return err_usage(e,
			 "\"%.64s\" is no family of guest_memfd: one of %s is",
			 s, names);
}

const char *pv_flavour_name(enum pv_flavour f)
{
	static const char *const names[] = {
		[PV_KVM] = "kvm",
		[PV_XEN] = "xen",
		[PV_NONE] = "none",
	};

	return names[f];
}

const char *pv_layout_name(enum pv_layout l)
{
	static const char *const names[] = {
		[PV_SEPARATE] = "separate",
		[PV_PACKED] = "packed",
		[PV_SPLIT] = "split",
	};

	return names[l];
}

static const char *const policies[] = {
	[FAULT_REPORT] = "report",
	[FAULT_CONVERT] = "convert",
	[FAULT_STOP] = "stop",
};

const char *fault_policy_name(enum fault_policy p)
{
	return policies[p];
}

int fault_policy_parse(const char *s, enum fault_policy *p, struct err *e)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(policies); i++) {
		if (strcmp(s, policies[i]))
			continue;
		*p = (enum fault_policy)i;
		return 0;
	}
	return err_usage(e, "--memory-fault %s: report, convert or stop", s);
}
