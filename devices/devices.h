/* SPDX-License-Identifier: GPL-2.0-only */
/* All devices and all kinds of pv pages: the rows of tables.c. */
#ifndef GPCVM_DEVICES_DEVICES_H
#define GPCVM_DEVICES_DEVICES_H

#include "machine/board.h"
#include "pv/pv.h"

extern const struct device serial_device;
extern const struct device doorbell_device;
extern const struct device doorbell_pc_device;
extern const struct device debug_exit_device;
extern const struct device fw_cfg_device;
extern const struct device rtc_device;
extern const struct device ps2_device;
extern const struct device acpi_pm_device;
extern const struct device testdev_device;

extern const struct pv_kind pv_clock_kind, pv_steal_kind;
extern const struct pv_kind pv_shinfo_kind, pv_vcpuinfo_kind, pv_vcputime_kind,
	pv_runstate_kind;

#endif
