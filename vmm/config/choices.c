// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "config/choices.h"

int choice_parse(const char *option, const char *s, const char *const *names,
		 unsigned int nr, unsigned int *out, struct err *e)
{
	char list[128] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < nr; i++) {
		if (!strcmp(s, names[i])) {
			*out = i;
			return 0;
		}
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len,
						"%s%s",
						i == 0	      ? ""
						: i + 1 == nr ? " or "
							      : ", ",
						names[i]);
	}
	return err_usage(e, "--%s %.64s: expected %s", option, s, list);
}

#define SUFFIX "+no-direct-map"

/* "auto", then those of mode M from 2 * M on; anon has no second. */
static const char *const modes[] = {
	"auto",	       "anon",	       "gmem",
	"gmem" SUFFIX, "gmem-private", "gmem-private" SUFFIX,
};

const char *mem_mode_name(enum mem_mode mode, bool no_direct_map)
{
	return modes[mode == MEM_ANON ? 1 : 2 * mode + no_direct_map];
}

int mem_mode_parse(const char *s, bool *any, enum mem_mode *mode,
		   bool *no_direct_map, struct err *e)
{
	unsigned int i;

	if (choice_parse("memory", s, modes, ARRAY_SIZE(modes), &i, e))
		return -1;
	*any = !i;
	*mode = (enum mem_mode)(i / 2);
	*no_direct_map = *mode != MEM_ANON && i % 2;
	return 0;
}

const char *const gmem_family_names[GMEM_FAMILIES] = {
	[GMEM_NONE] = "none",
	[GMEM_PRIVATE] = "private-6.8",
	[GMEM_DIRECT_2024] = "direct-map-2024",
	[GMEM_MMAP] = "mmap-6.18",
	[GMEM_DIRECT_2025] = "direct-map-2025",
};

const char *const gmem_family_texts[GMEM_FAMILIES] = {
	[GMEM_NONE] = "no guest_memfd",
	[GMEM_PRIVATE] = "6.8-6.17 mainline: private memory, no flags",
	[GMEM_DIRECT_2024] = "the 2024 series: bit 0 is NO_DIRECT_MAP",
	[GMEM_MMAP] = "6.18+ mainline: MMAP, INIT_SHARED",
	[GMEM_DIRECT_2025] = "the series on 6.18: bit 2 is NO_DIRECT_MAP",
};

const char *const pv_flavour_names[PV_FLAVOURS] = {
	[PV_KVM] = "kvm",
	[PV_XEN] = "xen",
	[PV_NONE] = "none",
};

const char *const pv_layout_names[PV_LAYOUTS] = {
	[PV_SEPARATE] = "separate",
	[PV_PACKED] = "packed",
	[PV_SPLIT] = "split",
};

const char *const fault_policy_names[FAULT_POLICIES] = {
	[FAULT_REPORT] = "report",
	[FAULT_CONVERT] = "convert",
	[FAULT_STOP] = "stop",
};
