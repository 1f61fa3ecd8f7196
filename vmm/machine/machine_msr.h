/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_MACHINE_MSR_H
#define GPCVM_MACHINE_MSR_H

#include "machine/machine.h"

/* Without a PMU in KVM, show a kernel no performance counters. */
void machine_hide_counters(struct machine *m);
/* Answer an access to an MSR that machine_hide_counters() hides. vCPU thread. */
enum step machine_msr(struct vcpu *v);

#endif
