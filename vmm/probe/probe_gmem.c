// SPDX-License-Identifier: GPL-2.0-only
/* Rows on guest_memfd and private memory. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/num.h"
#include "kvm/host_advice.h"
#include "kvm/kvm.h"
#include "kvm/scratch_vm.h"
#include "probe/probe_row.h"

#define FLAG_BITS 4
#define FLAG_SETS (1U << FLAG_BITS)
#define VM_TYPES  9

static unsigned int ask_mask(const struct probe_ctx *c, long cap)
{
	int r = kvm_check_extension(c->kvm, cap);

	return r > 0 ? (unsigned int)r : 0;
}

static void row_family(const struct probe_ctx *c, struct probe_row *r)
{
	const struct gmem_offer *o = &c->offer;
	bool any = o->family != GMEM_NONE;

	row_use(r, "forced by --family");
	row_set(r, any ? PROBE_YES : PROBE_NO, true, "%s",
		gmem_family_texts[o->family]);
	if (!any)
		row_why(r, "cap 234 is %u, cap 244 is 0x%x: %s",
			ask_mask(c, GPC_CAP_GUEST_MEMFD),
			ask_mask(c, GPC_CAP_GUEST_MEMFD_FLAGS),
			host_advice_here(LACK_GMEM));
}

/* Check whether a VM of @type has gmem files at all. Returns 0 or -errno. */
static int plain_gmem(const struct probe_ctx *c, unsigned long type)
{
	int vm = kvm_create_vm(c->kvm, type), fd;

	if (vm < 0)
		return vm;
	fd = kvm_create_guest_memfd(vm, PAGE_SIZE, 0);
	if (fd >= 0)
		close(fd);
	close(vm);
	return fd < 0 ? fd : 0;
}

static void row_guest_memfd(const struct probe_ctx *c, struct probe_row *r)
{
	unsigned int cap = ask_mask(c, GPC_CAP_GUEST_MEMFD);
	int plain = plain_gmem(c, GPC_VM_DEFAULT);
	int sw = plain_gmem(c, GPC_VM_SW_PROTECTED);
	bool any = plain == 0 || sw == 0;

	row_use(r, "--memory gmem");
	row_set(r, any ? PROBE_YES : row_state(-plain), true,
		"cap 234 is %u; a file on VM type:%s%s%s", cap,
		plain ? "" : " 0", sw ? "" : " 1", any ? "" : " none");
	if (!any)
		row_why(r, "type 0: %s; type 1: %s: %s", strerror(-plain),
			strerror(-sw), host_advice_here(LACK_GMEM));
	else if (plain && row_in_doubt(-plain))
		row_why(r, "type 0 was not tried: %s", strerror(-plain));
	else if (sw && row_in_doubt(-sw))
		row_why(r, "type 1 was not tried: %s", strerror(-sw));
}

static void add_names(char *buf, size_t size, const struct gmem_offer *o,
		      unsigned int flags)
{
	static const char *const names[FLAG_BITS] = { "MMAP", "INIT_SHARED",
						      "NO_DIRECT_MAP", "0x8" };
	unsigned int i;

	if (flags && o->family == GMEM_DIRECT_2024) {
		row_add(buf, size, " (0x1 is NO_DIRECT_MAP)");
		return;
	}
	for (i = 0; i < FLAG_BITS; i++)
		if (flags & (1U << i))
			row_add(buf, size, "%s%s",
				flags & ((1U << i) - 1) ? " " : " (", names[i]);
	row_add(buf, size, "%s", flags ? ")" : "");
}

/* Return the sets of flags that a VM accepts: bit N for flags = N. *err: set
 * if one could not be tried. */
static unsigned int taken_sets(int vm, int *err)
{
	unsigned int taken = 0, flags;
	int fd;

	for (flags = 0; flags < FLAG_SETS; flags++) {
		fd = kvm_create_guest_memfd(vm, PAGE_SIZE, flags);
		if (fd < 0 && row_in_doubt(-fd))
			*err = -fd;
		if (fd < 0)
			continue;
		close(fd);
		taken |= 1U << flags;
	}
	return taken;
}

static unsigned int union_of(unsigned int taken)
{
	unsigned int all = 0, i;

	for (i = 0; i < FLAG_SETS; i++)
		if (taken & (1U << i))
			all |= i;
	return all;
}

/* Shorten the usual case, every subset of a mask, to the mask. */
static void add_sets(char *buf, size_t size, unsigned int taken)
{
	unsigned int all = union_of(taken), subsets = 0, i;

	for (i = 0; i < FLAG_SETS; i++)
		if ((i & all) == i)
			subsets |= 1U << i;
	if (taken == subsets) {
		row_add(buf, size, "%s0x%x", all ? "any of " : "only ", all);
		return;
	}
	row_add(buf, size, taken ? "just" : "none");
	for (i = 0; i < FLAG_SETS; i++)
		if (taken & (1U << i))
			row_add(buf, size, " 0x%x", i);
}

static void row_flags(const struct probe_ctx *c, struct probe_row *r)
{
	unsigned int mask = ask_mask(c, GPC_CAP_GUEST_MEMFD_FLAGS);
	unsigned int type, taken, all = 0;
	char seen[sizeof(r->value)] = "";
	int vm, err = 0;

	row_use(r, "--memory gmem");
	for (type = 0; type < VM_TYPES; type++) {
		vm = kvm_create_vm(c->kvm, type);
		if (vm < 0 && row_in_doubt(-vm))
			err = -vm;
		if (vm < 0)
			continue;
		taken = taken_sets(vm, &err);
		close(vm);
		all |= union_of(taken);
		row_add(seen, sizeof(seen), "%stype %u: ", *seen ? "; " : "",
			type);
		add_sets(seen, sizeof(seen), taken);
	}
	if (!*seen) {
		row_set(r, PROBE_UNKNOWN, false, "cap 244 reports 0x%x", mask);
		row_why(r, "no VM to try them on%s%s: " SEE_ROW "vm-types",
			err ? ": " : "", err ? strerror(err) : "");
		return;
	}
	add_names(seen, sizeof(seen), &c->offer, all);
	row_set(r, all ? PROBE_YES : PROBE_NO, true, "%s", seen);
	if (!all)
		row_why(r,
			"cap 244 reports 0x%x; flags: %s, or a direct-map "
			"series",
			mask, host_advice_here(LACK_MMAP));
	else if (mask && (mask & (FLAG_SETS - 1)) != all)
		row_why(r, "cap 244 reports 0x%x, but 0x%x is accepted", mask,
			all);
	if (err)
		row_why(r, "not all could be tried: %s", strerror(err));
}

/* Write through the mapping, punch, read back. Fails with the failed step. */
static int write_and_punch(int fd, void *mem, struct err *e)
{
	const int how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	const uint64_t word = UINT64_C(0x70756e63682d6d65);
	uint64_t back = 0;
	int r;

	r = host_copy(mem, &word, sizeof(word));
	if (r == 0)
		r = host_copy(&back, mem, sizeof(back));
	if (r < 0)
		return err_os(e, -r, "touching the mapped page");
	if (back != word)
		return err_state(e, "the page reads 0x%llx, expected 0x%llx",
				 (unsigned long long)back,
				 (unsigned long long)word);
	if (fallocate(fd, how, 0, (off_t)PAGE_SIZE) < 0)
		return err_os(e, errno, "fallocate(PUNCH_HOLE)");
	r = host_copy(&back, mem, sizeof(back));
	if (r < 0)
		return err_os(e, -r, "reading the punched page");
	if (back)
		return err_state(
			e, "the punched page reads 0x%llx, expected zeros",
			(unsigned long long)back);
	return 0;
}

static void row_mmap(const struct probe_ctx *c, struct probe_row *r)
{
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;

	row_use(r, "--memory gmem; `mem`");
	if (!c->offer.mappable) {
		row_set(r, PROBE_NO, false, "no MMAP flag in this family");
		row_why(r, "%s (cap 244, bit 0)", host_advice_here(LACK_MMAP));
		return;
	}
	if (scratch_vm_create(&v, c->kvm, GPC_VM_DEFAULT, &e) == 0 &&
	    scratch_vm_gmem(&v, c->offer.shared_flags, true, &e) == 0 &&
	    write_and_punch(v.gmem, v.mem, &e) == 0) {
		row_set(r, PROBE_YES, true,
			"flags 0x%llx: written, punched, reads zeros",
			(unsigned long long)c->offer.shared_flags);
	} else {
		row_fail(r, &e, "flags 0x%llx do not work",
			 (unsigned long long)c->offer.shared_flags);
	}
	scratch_vm_close(&v);
}

static void row_no_direct_map(const struct probe_ctx *c, struct probe_row *r)
{
	uint64_t flags = c->offer.no_direct_map | c->offer.shared_flags;
	unsigned long type = c->offer.mappable ? GPC_VM_DEFAULT
					       : GPC_VM_SW_PROTECTED;
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;

	row_use(r, "+no-direct-map; `leak`");
	if (!c->offer.no_direct_map) {
		row_set(r, PROBE_NO, false, "no such flag in this family");
		row_why(r, "needs a kernel with a direct-map series");
		return;
	}
	if (scratch_vm_create(&v, c->kvm, type, &e) < 0 ||
	    scratch_vm_gmem(&v, flags, c->offer.mappable, &e) < 0) {
		row_fail(r, &e, "flags 0x%llx on VM type %lu",
			 (unsigned long long)flags, type);
	} else if (fallocate(v.gmem, FALLOC_FL_KEEP_SIZE, 0, (off_t)PAGE_SIZE) <
		   0) {
		/* Allocation removes the folio from the direct map. gmem
		 * rejects fallocate() without KEEP_SIZE. */
		row_set(r, PROBE_NO, true, "flags 0x%llx: no page allocated",
			(unsigned long long)flags);
		row_why(r, "fallocate: %s", strerror(errno));
	} else {
		row_set(r, PROBE_YES, true,
			"flags 0x%llx on VM type %lu: a page allocated",
			(unsigned long long)flags, type);
	}
	scratch_vm_close(&v);
}

static void row_attributes(const struct probe_ctx *c, struct probe_row *r)
{
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;
	int mask, got;

	row_use(r, "`attr`; gmem-private");
	if (scratch_vm_create(&v, c->kvm, GPC_VM_SW_PROTECTED, &e) < 0) {
		row_fail(r, &e, "no VM of type 1; cap 233 reports 0x%x",
			 ask_mask(c, GPC_CAP_MEMORY_ATTRIBUTES));
		row_why(r, "%s: %s", e.msg, host_advice_here(LACK_PRIVATE));
		return;
	}
	mask = kvm_check_extension(v.vm, GPC_CAP_MEMORY_ATTRIBUTES);
	if (mask < 0)
		mask = 0;
	got = scratch_vm_gmem(&v, 0, false, &e);
	if (got == 0)
		got = scratch_vm_private(&v, PAGE_SIZE, &e);
	if (got < 0)
		row_fail(r, &e, "VM type 1: cap 233 reports 0x%x", mask);
	else
		row_set(r, PROBE_YES, true,
			"VM type 1: cap 233 reports 0x%x; a page set", mask);
	scratch_vm_close(&v);
}

static void row_prefault(const struct probe_ctx *c, struct probe_row *r)
{
	uint64_t gpa = 0, size = PAGE_SIZE;
	struct scratch_vm v = SCRATCH_VM_NONE;
	struct err e;
	int got;

	row_use(r, "`prefault`");
	if (!ask_mask(c, GPC_CAP_PRE_FAULT_MEMORY)) {
		row_set(r, PROBE_NO, false, "cap 236 is 0");
		row_why(r, "%s", host_advice_here(LACK_PRE_FAULT));
		return;
	}
	if (scratch_vm_create(&v, c->kvm, GPC_VM_DEFAULT, &e) < 0 ||
	    scratch_vm_anon(&v, &e) < 0 ||
	    scratch_vm_vcpu(&v, c->kvm, &e) < 0) {
		row_set(r, PROBE_UNKNOWN, false, "cap 236; not tried");
		row_why(r, "%s", e.msg);
	} else {
		got = kvm_pre_fault_memory(v.vcpu, &gpa, &size);
		row_set(r, got < 0 ? PROBE_NO : PROBE_YES, true,
			"cap 236; one page of anonymous memory %s",
			got < 0 ? "refused" : "prefaulted");
		if (got < 0)
			row_why(r, "KVM_PRE_FAULT_MEMORY: %s", strerror(-got));
	}
	scratch_vm_close(&v);
}

static void row_fault_info(const struct probe_ctx *c, struct probe_row *r)
{
	unsigned int cap = ask_mask(c, GPC_CAP_MEMORY_FAULT_INFO);

	row_use(r, "gpa of memory faults");
	row_set(r, cap ? PROBE_YES : PROBE_NO, false, "cap 232 is %u", cap);
	if (!cap)
		row_why(r, "needs 6.8+");
}

static const struct probe_def gmem_rows[] = {
	{ "family", true, row_family },
	{ "guest-memfd", true, row_guest_memfd },
	{ "gmem-flags", true, row_flags },
	{ "gmem-mmap", true, row_mmap },
	{ "gmem-no-direct-map", true, row_no_direct_map },
	{ "memory-attributes", true, row_attributes },
	{ "prefault", true, row_prefault },
	{ "memory-fault-info", true, row_fault_info },
};

const struct probe_group probe_gmem = { "guest memory", gmem_rows,
					ARRAY_SIZE(gmem_rows) };
