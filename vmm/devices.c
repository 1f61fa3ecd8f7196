// SPDX-License-Identifier: GPL-2.0-only
#include "board.h"
#include "num.h"

const struct device *const devices[] = {
	&serial_device,	    &doorbell_device, &doorbell_pc_device,
	&debug_exit_device, &fw_cfg_device,   &rtc_device,
	&ps2_device,	    &acpi_pm_device,  &testdev_device,
};

const unsigned int devices_nr = ARRAY_SIZE(devices);
