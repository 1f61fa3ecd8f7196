/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_HOST_ADVICE_H
#define GPCVM_HOST_ADVICE_H

/* Features that a kernel may lack; host_advice() says how to get them. */
enum host_lack {
	LACK_GMEM,	/* guest_memfd, on any VM type */
	LACK_PRIVATE,	/* VM type 1, SW_PROTECTED_VM */
	LACK_MMAP,	/* GUEST_MEMFD_FLAG_MMAP */
	LACK_PRE_FAULT, /* KVM_PRE_FAULT_MEMORY */
};

/* Return advice for kernel @release, as in uname(): a kernel that is new enough
 * may have been built without the feature, or runs without it. */
const char *host_advice(enum host_lack what, const char *release);
/* The same for the running kernel. */
const char *host_advice_here(enum host_lack what);

#endif
