/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GPCVM_DEVICES_TABLES_H
#define GPCVM_DEVICES_TABLES_H

#include "machine/machine.h"

/* All devices and all kinds of pv pages. */
extern const struct machine_parts all_parts;

#endif
