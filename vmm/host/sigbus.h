/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SIGBUS for a poisoned page: KVM sends it to the vCPU's thread when the guest
 * touches one that the host has mapped (arch/x86/kvm/mmu/mmu.c,
 * kvm_send_hwpoison_signal), and madvise(MADV_HWPOISON) to its caller
 * (mm/memory-failure.c, kill_proc).
 */
#ifndef GPCVM_SIGBUS_H
#define GPCVM_SIGBUS_H

#include <stdint.h>

/* Once in a process, before the threads that catch. */
void sigbus_init(void);
/*
 * From here on such a signal to the calling thread puts the address into *@hva
 * (an address is never 0) and is over. A second one before *@hva was set back to
 * 0, or one in any other thread, ends the process, as any other SIGBUS does:
 * gpcvm itself touched what it may not.
 */
void sigbus_catch(_Atomic uintptr_t *hva);

#endif
