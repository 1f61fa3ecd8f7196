// SPDX-License-Identifier: GPL-2.0-only
/* Advice for a missing feature. A newer kernel does not help if this one is new
 * enough. */
#include <stdlib.h>
#include <sys/utsname.h>

#include "kvm/host_advice.h"

#define RELEASE(major, minor) ((major)*1000U + (minor))

static unsigned int parse_release(const char *release)
{
	unsigned long major, minor = 0;
	char *end;

	major = strtoul(release, &end, 10);
	if (*end == '.')
		minor = strtoul(end + 1, NULL, 10);
	return (unsigned int)RELEASE(major, minor < 1000 ? minor : 999);
}

/* arch/x86/kvm/Kconfig: up to 6.17 SW_PROTECTED_VM (like SNP and TDX) selected
 * guest_memfd; since 6.18 every 64-bit KVM has it, for the default VM type. */
static const char *gmem_advice(unsigned int release)
{
	if (release < RELEASE(6, 8))
		return "needs 6.8+ with CONFIG_KVM_SW_PROTECTED_VM, or 6.18+";
	if (release < RELEASE(6, 18))
		return "this kernel is new enough, but built without "
		       "CONFIG_KVM_SW_PROTECTED_VM, which 6.18+ does not need";
	return "this kernel is new enough, but its KVM is built without "
	       "CONFIG_KVM_GUEST_MEMFD";
}

const char *host_advice(enum host_lack what, const char *release)
{
	const unsigned int r = parse_release(release);

	switch (what) {
	case LACK_GMEM:
		return gmem_advice(r);
	case LACK_PRIVATE:
		/* arch/x86/kvm/x86.c, kvm_is_vm_type_supported() */
		return r < RELEASE(6, 8)
			       ? "needs 6.8+ with CONFIG_KVM_SW_PROTECTED_VM"
			       : "this kernel is new enough: it is built "
				 "without CONFIG_KVM_SW_PROTECTED_VM, or KVM "
				 "runs without EPT or NPT (tdp_mmu)";
	case LACK_MMAP:
		return r < RELEASE(6, 18)
			       ? "needs 6.18+"
			       : "this kernel is new enough, but its KVM is "
				 "built without CONFIG_KVM_GUEST_MEMFD";
	case LACK_PRE_FAULT:
		return r < RELEASE(6, 12)
			       ? "needs 6.12+, and EPT or NPT"
			       : "this kernel is new enough: KVM runs without "
				 "EPT or NPT";
	}
	return "";
}

const char *host_advice_here(enum host_lack what)
{
	struct utsname u = { 0 };

	(void)uname(&u); /* fails only on a bad address */
	return host_advice(what, u.release);
}
