// SPDX-License-Identifier: GPL-2.0-only
#include "devices/devices.h"
#include "devices/tables.h"

static const struct device *const devices[] = {
	&serial_device,	     &doorbell_device,
	&doorbell_pc_device, &debug_exit_device,
	&fw_cfg_device,	     &rtc_device,
	&ps2_device,	     &acpi_pm_device,
	&testdev_device,     NULL,
};

static const struct pv_kind *const pv_kinds[] = {
	&pv_clock_kind,
	&pv_steal_kind,
	&pv_shinfo_kind,
	&pv_vcpuinfo_kind,
	&pv_vcputime_kind,
	&pv_runstate_kind,
	NULL,
};

const struct machine_parts all_parts = { devices, pv_kinds };
