/* SPDX-License-Identifier: GPL-2.0-only */
/* gpcvm's exit statuses, as documented in docs/gpcvm-run.1. */
#ifndef GPCVM_STATUS_H
#define GPCVM_STATUS_H

enum status {
	STATUS_OK = 0,
	STATUS_FAILED = 1, /* the machine could not be started, or failed */
	STATUS_USAGE = 2,  /* the command line is wrong */
	STATUS_TRIPLE_FAULT = 10, /* KVM_EXIT_SHUTDOWN */
	STATUS_KVM = 11, /* KVM internal error, failed entry, bad ioctl */
	STATUS_MEMORY_FAULT = 12, /* KVM_EXIT_MEMORY_FAULT */
	STATUS_GUEST = 13,   /* unexpected exception or panic in the guest */
	STATUS_RESET = 14,   /* the guest requested a reset */
	STATUS_SIGNAL = 128, /* + the number: SIGINT 130, SIGTERM 143 */
};

#endif
