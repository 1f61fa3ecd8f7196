/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_HOST_ADVICE_H
#define GPCVM_HOST_ADVICE_H

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

#endif
