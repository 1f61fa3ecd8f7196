/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICE_H
#define GPCVM_DEVICE_H

#include "base/err.h"

/* Open @dev, check that it is KVM's API version 12. Messages tell a person in
 * which group to be, or which module is missing. Returns the fd. */
int kvm_open_device(const char *dev, struct err *e);

#endif
