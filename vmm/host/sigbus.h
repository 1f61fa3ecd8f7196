/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SIGBUS for a poisoned page. KVM sends it to the vCPU's thread when the guest
 * touches a poisoned page that the host has mapped (arch/x86/kvm/mmu/mmu.c,
 * kvm_send_hwpoison_signal), and madvise(MADV_HWPOISON) to its caller
 * (mm/memory-failure.c, kill_proc).
 */
#ifndef GPCVM_SIGBUS_H
#define GPCVM_SIGBUS_H

#include <stdint.h>

/* Call once in a process, before any thread that catches. */
void sigbus_init(void);
/*
 * From now on such a signal to the calling thread stores the address in *@hva
 * (an address is never 0). A second one before *@hva was cleared, one in any
 * other thread, or any other SIGBUS kills the process: gpcvm itself touched
 * memory that it must not.
 */
void sigbus_catch(_Atomic uintptr_t *hva);

#endif
