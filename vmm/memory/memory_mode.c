// SPDX-License-Identifier: GPL-2.0-only
/* Memory modes: their names, and which of them a kernel supports. */
#include <string.h>

#include "base/num.h"
#include "kvm/abi.h"
#include "kvm/host_advice.h"
#include "memory/memory.h"

unsigned long mem_mode_vm_type(enum mem_mode mode)
{
	return mode == MEM_GMEM_PRIVATE ? GPC_VM_SW_PROTECTED : GPC_VM_DEFAULT;
}

int mem_mode_check(const struct gmem_offer *o, enum mem_mode mode,
		   bool no_direct_map, struct err *e)
{
	const char *name = mem_mode_name(mode, no_direct_map);
	const char *family = gmem_family_texts[o->family];

	if (mode == MEM_ANON)
		return 0;
	if (o->family == GMEM_NONE)
		return err_unsupported(
			e,
			"--memory %s: this kernel has no guest_memfd "
			"(KVM_CAP_GUEST_MEMFD is 0): try --memory anon; %s",
			name, host_advice_here(LACK_GMEM));
	if (mode == MEM_GMEM && !o->mappable)
		return err_unsupported(
			e,
			"--memory %s: this kernel cannot mmap guest_memfd "
			"(%s): try --memory %s; GUEST_MEMFD_FLAG_MMAP: %s",
			name, family, o->private_vm ? "gmem-private" : "anon",
			host_advice_here(LACK_MMAP));
	if (mode == MEM_GMEM_PRIVATE && !o->private_vm)
		return err_unsupported(
			e,
			"--memory %s: this kernel has no "
			"KVM_X86_SW_PROTECTED_VM with private memory (%s): "
			"try --memory %s; %s",
			name, family, o->mappable ? "gmem" : "anon",
			host_advice_here(LACK_PRIVATE));
	if (no_direct_map && !o->no_direct_map)
		return err_unsupported(
			e,
			"--memory %s: this kernel's guest_memfd has no "
			"NO_DIRECT_MAP flag (%s): try --memory %s, or override "
			"with --family and --gmem-flags",
			name, family, mem_mode_name(mode, false));
	return 0;
}

int mem_mode_auto(const struct gmem_offer *o, enum mem_mode *mode,
		  bool *no_direct_map, struct err *e)
{
	for (int ndm = 1; ndm >= 0; ndm--)
		for (*mode = MEM_GMEM_PRIVATE; *mode != MEM_ANON; --*mode)
			if (!mem_mode_check(o, *mode, ndm, NULL)) {
				*no_direct_map = ndm;
				return 0;
			}
	return err_unsupported(
		e,
		"--memory auto: no mode with guest_memfd works on this kernel "
		"(%s): run gpcvm probe to see what is missing, or use --memory "
		"anon",
		gmem_family_texts[o->family]);
}

int memory_can_be_private(const struct memory *m, struct err *e)
{
	if (m->mode == MEM_GMEM_PRIVATE)
		return 0;
	return err_unsupported(e,
			       "memory mode %s has no private memory: use "
			       "--memory gmem-private",
			       mem_mode_name(m->mode, m->no_direct_map));
}
