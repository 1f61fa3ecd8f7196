// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as an ELF file with a PVH note. */
#include "boot_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct boot *b = fuzz_loader(&pvh_loader, data, size);

	if (b) {
		look_at_boot(b, b->regs.rbx);
		end_boot(b);
	}
	return 0;
}
