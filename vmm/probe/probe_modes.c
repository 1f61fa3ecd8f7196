// SPDX-License-Identifier: GPL-2.0-only
/* Rows on --memory MODE: set up each mode on a scratch VM. */
#include <string.h>

#include "base/num.h"
#include "kvm/host_advice.h"
#include "kvm/kvm.h"
#include "kvm/scratch_vm.h"
#include "probe/probe_row.h"

static const char prefix[] = "mode-";

static void judge_mode(struct probe_row *r, int got, const struct err *e,
		       const char *seen)
{
	if (got == 0)
		row_set(r, PROBE_YES, true, "%s", seen);
	else
		row_fail(r, e, "could not be set up");
}

static void row_anon(const struct probe_ctx *c, struct probe_row *r)
{
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;
	int got = -1;

	row_use(r, "never chosen by auto");
	if (scratch_vm_create(&v, c->kvm, GPC_VM_DEFAULT, &e) == 0 &&
	    scratch_vm_anon(&v, &e) == 0 &&
	    scratch_vm_vcpu(&v, c->kvm, &e) == 0)
		got = scratch_vm_hlt(&v, &e);
	judge_mode(r, got, &e, "a vCPU ran from it");
	scratch_vm_close(&v);
}

static void gmem_mode(const struct probe_ctx *c, struct probe_row *r,
		      uint64_t more)
{
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;
	int got = -1;

	if (scratch_vm_create(&v, c->kvm, GPC_VM_DEFAULT, &e) == 0 &&
	    scratch_vm_gmem(&v, c->offer.shared_flags | more, true, &e) == 0 &&
	    scratch_vm_vcpu(&v, c->kvm, &e) == 0)
		got = scratch_vm_hlt(&v, &e);
	judge_mode(r, got, &e, "a vCPU ran from it, mapped");
	scratch_vm_close(&v);
}

/* Run nothing: the host cannot write a guest into private memory. */
static void private_mode(const struct probe_ctx *c, struct probe_row *r,
			 uint64_t flags)
{
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;
	int got = -1;

	if (scratch_vm_create(&v, c->kvm, GPC_VM_SW_PROTECTED, &e) == 0 &&
	    scratch_vm_gmem(&v, flags, false, &e) == 0 &&
	    scratch_vm_private(&v, SCRATCH_VM_PAGES * PAGE_SIZE, &e) == 0)
		got = scratch_vm_vcpu(&v, c->kvm, &e);
	judge_mode(r, got, &e, "private slot and vCPU set up");
	scratch_vm_close(&v);
}

/* Refuse what the family lacks: a trial would only return EINVAL. */
static bool family_lacks(const struct probe_ctx *c, struct probe_row *r,
			 bool private, bool no_direct_map)
{
	if (private && !c->offer.private_vm)
		row_why(r, "no SW_PROTECTED_VM with private memory: %s",
			host_advice_here(LACK_PRIVATE));
	else if (!private && !c->offer.mappable)
		row_why(r, "this kernel cannot map gmem files: %s",
			host_advice_here(LACK_MMAP));
	else if (no_direct_map && !c->offer.no_direct_map)
		row_why(r, "no NO_DIRECT_MAP flag: needs a kernel with a "
			   "direct-map series");
	else
		return false;
	row_set(r, PROBE_NO, false, "refused");
	return true;
}

static void row_gmem(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "--memory gmem");
	if (!family_lacks(c, r, false, false))
		gmem_mode(c, r, 0);
}

static void row_gmem_ndm(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "--memory gmem+no-direct-map");
	if (!family_lacks(c, r, false, true))
		gmem_mode(c, r, c->offer.no_direct_map);
}

static void row_private(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "--memory gmem-private");
	if (!family_lacks(c, r, true, false))
		private_mode(c, r, 0);
}

static void row_private_ndm(const struct probe_ctx *c, struct probe_row *r)
{
	row_use(r, "--memory gmem-private+no-direct-map");
	if (!family_lacks(c, r, true, true))
		private_mode(c, r, c->offer.no_direct_map);
}

/* Ordered from weak to strong. auto goes backwards and stops before anon. */
static const struct probe_def mode_rows[] = {
	{ "mode-anon", true, row_anon },
	{ "mode-gmem", true, row_gmem },
	{ "mode-gmem-private", true, row_private },
	{ "mode-gmem+no-direct-map", true, row_gmem_ndm },
	{ "mode-gmem-private+no-direct-map", true, row_private_ndm },
};

const struct probe_group probe_modes = { "memory modes", mode_rows,
					 ARRAY_SIZE(mode_rows) };

const char *probe_best_mode(const struct probe *p)
{
	const struct probe_row *r;
	unsigned int i;

	for (i = ARRAY_SIZE(mode_rows) - 1; i > 0; i--) {
		r = probe_find(p, mode_rows[i].name);
		if (r && r->state == PROBE_YES)
			return mode_rows[i].name + strlen(prefix);
	}
	return NULL;
}
