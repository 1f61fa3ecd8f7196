/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICE_H
#define GPCVM_DEVICE_H

#include "base/err.h"

/* Open @dev and check that it speaks version 12 of KVM's API. Error messages
 * name the group to join or the module to load. Returns the fd. */
int kvm_open_device(const char *dev, struct err *e);

#endif
